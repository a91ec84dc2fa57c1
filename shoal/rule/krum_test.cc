#include "shoal/rule/krum.h"

#include <gtest/gtest.h>

#include "shoal/rule/round_statistics.h"
#include "shoal/rule/rounds_test.h"

namespace shoal {
namespace {

const TestRows& points() {
  static const TestRows rows{{0, 0}, {1, 0}, {0, 1}, {1, 1}, {.5, .5}, {9, 9}, {9, 10}};
  return rows;
}

TEST(Krum, ScoresOfTheCard) {
  const RoundView round = test_round(points(), 2);
  RoundStatistics statistics(round.rows);
  KrumScores scores(statistics.squared_distances());
  const double want[] = {2.5, 2.5, 2.5, 2.5, 1.5, 273.5, 308};
  const double with_four[] = {4.5, 4.5, 4.5, 4.5, 2, 418.5, 470.5};  // n-f-1 of them, as others do
  for (std::size_t i = 0; i < 7; ++i) {
    EXPECT_EQ(scores.score(i, 3), want[i]);
    EXPECT_EQ(scores.score(i, 4), with_four[i]);
  }
  scores.remove(4);
  EXPECT_EQ(scores.score(0, 3), 4);
}

TEST(Krum, PointsOfTheCard) {
  const Aggregated krum = aggregated("kind = \"krum\"", test_round(points(), 2));
  EXPECT_EQ(krum.row, (std::vector<float>{.5, .5}));
  EXPECT_EQ(krum.kept, std::vector<std::uint32_t>{14});
  // The card's five lowest are more than n-f-2 = 3, so f = 0 lets them in.
  const Aggregated five = aggregated("kind = \"multi_krum\"\nm = 5", test_round(points(), 0));
  expect_near_row(five.row, {.5, .5});
  EXPECT_EQ(five.kept, (std::vector<std::uint32_t>{10, 11, 12, 13, 14}));
}

TEST(Krum, TiesGoToTheLowerSender) {
  const TestRows pairs{{0}, {0}, {9}, {9}, {4.5}};  // the first four score 20.25
  EXPECT_EQ(aggregated("kind = \"krum\"", test_round(pairs, 1)).kept,
            std::vector<std::uint32_t>{10});
  const TestRows rows{{3}, {1}, {3}, {1}, {2}};  // 5, 5, 5, 5, 3
  EXPECT_EQ(aggregated("kind = \"multi_krum\"", test_round(rows, 0)).kept,
            (std::vector<std::uint32_t>{10, 11, 14}));
}

TEST(Krum, AHugeRowDrownsNothing) {
  TestRows rows = normal_rows(9, 30, 1);
  for (std::size_t liar = 0; liar < 9; ++liar) {
    TestRows lied = rows;
    lied[liar].assign(30, liar % 2 ? 3e38f : 1e25f);
    const auto got = aggregated("kind = \"multi_krum\"", test_round(lied, 3));
    EXPECT_EQ(std::count(got.kept.begin(), got.kept.end(), 10 + liar), 0);
    for (const float value : got.row) EXPECT_LT(std::abs(value), 4);
  }
}

TEST(Krum, RefusesWithTheArithmetic) {
  EXPECT_EQ(refusal(*test_rule("kind = \"krum\""), 6, 2),
            "krum needs n >= 2f+3 = 7 and 6 rows arrived");
  EXPECT_EQ(refusal(*test_rule("kind = \"krum\""), 7, 2), "");
  EXPECT_EQ(refusal(*test_rule("kind = \"multi_krum\""), 2, 0),
            "multi_krum needs n >= 2f+3 = 3 and 2 rows arrived");
  EXPECT_EQ(refusal(*test_rule("kind = \"multi_krum\"\nm = 4"), 7, 2),
            "multi_krum averages at most n-f-2 = 3 of 7 rows with f = 2; lower m = 4");
}

}  // namespace
}  // namespace shoal
