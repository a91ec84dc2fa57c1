#include "shoal/rule/mean.h"

#include <gtest/gtest.h>

#include "shoal/rule/rounds_test.h"

namespace shoal {
namespace {

TEST(Mean, WeighsAsClaimedOrEqually) {
  const TestRows rows{{1, 0}, {3, 4}};
  RoundView round = test_round(rows, 0);
  round.weights = {0.25, 0.75};
  EXPECT_EQ(aggregate_once(rule_table("mean"), round), (std::vector<float>{2.5, 3}));
  Table equal = rule_table("mean");
  equal.set("weighted", false);
  EXPECT_EQ(aggregate_once(equal, round), (std::vector<float>{2, 2}));
  // After mixing no row belongs to one sender, so weights are equal.
  EXPECT_EQ(aggregated("kind = \"mean\"\nbefore = [\"nnm\"]", round).row,
            (std::vector<float>{2, 2}));
}

}  // namespace
}  // namespace shoal
