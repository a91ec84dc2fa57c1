#include "shoal/rule/norm_clipping.h"

#include <cmath>
#include <gtest/gtest.h>

#include "shoal/rule/rounds_test.h"

namespace shoal {
namespace {

TEST(NormClipping, AWideBoundIsTheWeightedMean) {
  const TestRows rows = normal_rows(5, 40, 1);
  RoundView round = test_round(rows, 0);
  round.weights = {0.1, 0.2, 0.3, 0.25, 0.15};
  EXPECT_EQ(aggregated("kind = \"norm_clipping\"\nbound = 1e6", round).row,
            aggregated("kind = \"mean\"", round).row);
}

TEST(NormClipping, ARowMovesTheMeanByNoMoreThanItsShare) {
  const TestRows rows{{0, 0}, {0, 0}, {0, 0}, {3e38f, 3e38f}};
  RoundView round = test_round(rows, 0);
  const double share = 2.0 / std::sqrt(2.0);
  expect_near_row(aggregated("kind = \"norm_clipping\"", round).row, {share / 4, share / 4});
  round.weights = {0, 0, 0, 1};
  expect_near_row(aggregated("kind = \"norm_clipping\"", round).row, {share, share});
  expect_near_row(aggregated("kind = \"norm_clipping\"\nweighted = false", round).row,
                  {share / 4, share / 4});
}

TEST(WeakDp, WithoutNoiseIsClipping) {
  const TestRows rows = normal_rows(5, 400, 2);
  EXPECT_EQ(aggregated("kind = \"weak_dp\"\nsigma = 0", test_round(rows, 0)).row,
            aggregated("kind = \"norm_clipping\"", test_round(rows, 0)).row);
}

// Mean 0 and variance sigma^2 over 1e5 coordinates, within five standard errors; the same again
// for the same round and receiver, and other numbers for any other.
TEST(WeakDp, NoiseOfTheAggregate) {
  constexpr std::size_t kEntries = 100003;
  const TestRows rows(2, std::vector<float>(kEntries, 0.0f));
  RoundView round = test_round(rows, 0);
  const auto noise = [&] { return aggregated("kind = \"weak_dp\"\nsigma = 0.5", round).row; };
  const std::vector<float> first = noise();
  EXPECT_EQ(noise(), first);
  double sum = 0, squares = 0, next_to = 0;
  for (std::size_t i = 0; i < kEntries; ++i) {
    sum += first[i];
    squares += double(first[i]) * first[i];
    next_to += double(first[i]) * first[(i + 4096) % kEntries];
  }
  const auto n = static_cast<double>(kEntries);
  EXPECT_NEAR(sum / n, 0, 5 * 0.5 / std::sqrt(n));
  EXPECT_NEAR(squares / n, 0.25, 5 * 0.25 * std::sqrt(2 / n));
  EXPECT_NEAR(next_to / n, 0, 5 * 0.25 / std::sqrt(n));
  round.round = 1;
  const std::vector<float> second = noise();
  round.receiver = 1;
  const std::vector<float> third = noise();
  EXPECT_NE(second, first);
  EXPECT_NE(third, second);
}

}  // namespace
}  // namespace shoal
