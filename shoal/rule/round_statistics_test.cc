#include "shoal/rule/round_statistics.h"

#include <gtest/gtest.h>

#include "shoal/rule/rounds_test.h"

namespace shoal {
namespace {

TEST(RoundStatistics, MedoidIsHonestAndTheGramIsCentredThere) {
  TestRows rows = tied_rows(9, 30, 3);
  for (std::size_t liar = 0; liar < 4; ++liar) rows[liar].assign(30, 1e30f);
  const RoundView round = test_round(rows, 4);
  RoundStatistics statistics(round.rows);
  EXPECT_GE(statistics.medoid(), 4u);
  const PairMatrix& gram = statistics.centred_gram();
  const PairMatrix& distances = statistics.squared_distances();
  for (std::size_t i = 4; i < 9; ++i)
    for (std::size_t j = 4; j < 9; ++j)
      EXPECT_NEAR(gram.at(i, i) + gram.at(j, j) - 2 * gram.at(i, j), distances.at(i, j), 1e-9);
  EXPECT_NEAR(statistics.squared_norms()[5], squared_norm(rows[5]), 0);
}

// Every figure against its definition, and the same whoever asks first.
TEST(RoundStatistics, FiguresOfTheirDefinitions) {
  const TestRows rows = normal_rows(6, 200, 4);
  const RoundView round = test_round(rows, 0);
  RoundStatistics statistics(round.rows);
  const std::size_t m = statistics.medoid();
  for (std::size_t i = 0; i < 6; ++i)
    for (std::size_t j = 0; j < 6; ++j) {
      double product = 0.0, centred = 0.0, distance = 0.0;
      for (std::size_t c = 0; c < 200; ++c) {
        const double x = rows[i][c], y = rows[j][c], z = rows[m][c];
        product += x * y;
        centred += (x - z) * (y - z);
        distance += (x - y) * (x - y);
      }
      EXPECT_NEAR(statistics.gram().at(i, j), product, 1e-4);
      EXPECT_NEAR(statistics.centred_gram().at(i, j), centred, 1e-4);
      EXPECT_NEAR(statistics.squared_distances().at(i, j), distance, 1e-4);
      if (i == j) {
        EXPECT_NEAR(statistics.squared_norms()[i], product, 1e-9);
      }
    }
}

TEST(RoundStatistics, TheMedoidOfTiesIsTheLowest) {
  const TestRows alike(4, std::vector<float>{2, 2});
  EXPECT_EQ(RoundStatistics(test_round(alike, 0).rows).medoid(), 0u);
  const TestRows two{{9, 9}, {1, 1}, {1, 1}, {1, 1}};
  const RoundView round = test_round(two, 0);
  EXPECT_EQ(RoundStatistics(round.rows).medoid(), 1u);
  const TestRows one{{5}};
  EXPECT_EQ(RoundStatistics(test_round(one, 0).rows).medoid(), 0u);
}

// A round that shares statistics is asked for them; one without makes its own.
TEST(RoundStatistics, SharedOrOwn) {
  const TestRows rows{{3, 4}, {0, 1}};
  RoundView round = test_round(rows, 0);
  EXPECT_EQ(StatisticsOf(round)->squared_norms(), (std::vector<double>{25, 1}));
  RoundStatistics shared(round.rows);
  round.statistics = &shared;
  EXPECT_EQ(&StatisticsOf(round)->squared_norms(), &shared.squared_norms());
}

}  // namespace
}  // namespace shoal
