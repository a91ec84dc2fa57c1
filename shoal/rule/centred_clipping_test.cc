#include "shoal/rule/centred_clipping.h"

#include <gtest/gtest.h>

#include "shoal/rule/rounds_test.h"

namespace shoal {
namespace {

const TestRows kFour{{0, 0}, {2, 0}, {0, 2}, {30, 40}};

Table clipping(double tau, std::int64_t steps) {
  return rule_table("centred_clipping", {{"tau", tau}, {"iterations", steps}});
}

TEST(CentredClipping, FourPointsOfTheCard) {
  expect_near_row(aggregate_once(clipping(1, 1), test_round(kFour, 1)), {.4, .45}, 1e-6);
  expect_near_row(aggregate_once(clipping(1, 3), test_round(kFour, 1)), {.7330181, .8438087}, 1e-6);
  expect_near_row(aggregate_once(clipping(1e30, 1), test_round(kFour, 1)), {8, 10.5}, 1e-6);
  expect_near_row(aggregate_once(clipping(1e30, 2), test_round(kFour, 1)), {8, 10.5}, 1e-5);
}

// Three rounds of one step are one round of three steps.
TEST(CentredClipping, GoesOnFromItsLastOutput) {
  auto rule = make_rule(clipping(1, 1));
  Outcome outcome;
  for (int round = 0; round < 3; ++round) outcome = outcome_of(*rule, test_round(kFour, 1));
  expect_near_row(outcome.row, {.7330181, .8438087}, 1e-6);
  std::vector<float> out(1);
  EXPECT_FALSE(rule->aggregate(test_round({{1}, {2}}, 0), out).ok());
}

TEST(CentredClipping, ARowAtTheCentreAndHugeOnes) {
  const TestRows rows{{0, 0}, {3e38f, 0}, {0, 0}};
  expect_near_row(aggregate_once(clipping(3, 1), test_round(rows, 1)), {1, 0}, 1e-6);
}

}  // namespace
}  // namespace shoal
