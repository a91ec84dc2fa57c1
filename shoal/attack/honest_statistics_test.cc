#include "shoal/attack/honest_statistics.h"

#include <cmath>
#include <gmock/gmock.h>

#include "shoal/attack/attack_test_tools.h"

namespace shoal {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

// Mean and sample deviation written out, over rows longer than any block.
TEST(HonestStatistics, MeanAndSpreadOfEveryCoordinate) {
  RandomStream stream(8, purpose("honest statistics"));
  for (const std::size_t n : {2u, 3u, 10u}) {
    const FloatRows rows = random_rows(stream, n, 2500, 3.0);
    const std::vector<std::span<const float>> views(rows.begin(), rows.end());
    std::vector<float> out(2500), mean_alone(2500);
    combine_honest(views, 0.5, -2.0, out);
    combine_honest(views, 1.0, 0.0, mean_alone);
    for (std::size_t c = 0; c < out.size(); ++c) {
      double mean = 0.0, squares = 0.0;
      for (const auto& row : rows) mean += double(row[c]) / double(n);
      for (const auto& row : rows) squares += std::pow(double(row[c]) - mean, 2);
      EXPECT_NEAR(out[c], 0.5 * mean - 2.0 * std::sqrt(squares / double(n - 1)), 2e-6);
      EXPECT_NEAR(mean_alone[c], mean, 1e-6);
    }
  }
}

TEST(HonestStatistics, OneRowHasNoSpread) {
  const std::vector<float> row{3, -1};
  const std::vector<std::span<const float>> views{row};
  std::vector<float> out(2);
  combine_honest(views, 2.0, 100.0, out);
  EXPECT_THAT(out, ElementsAre(6, -2));
}

TEST(HonestStatistics, RepeatsARowAlsoOverItself) {
  std::vector<float> out{1, 2, 0, 0, 0, 0};
  repeat_row(std::span(out).first(2), out);
  EXPECT_THAT(out, ElementsAre(1, 2, 1, 2, 1, 2));
  const std::vector<float> other{5, 5};
  repeat_row(other, out);
  EXPECT_THAT(out, Each(5));
}

TEST(HonestStatistics, ARoundWithoutHonestRows) {
  EXPECT_TRUE(check_sees_honest("mimic", 1).ok());
  EXPECT_EQ(check_sees_honest("mimic", 0).error().message,
            "mimic needs an honest row to look at and this round has none");
}

}  // namespace
}  // namespace shoal
