// The other rules that look at distances, angles and covariances, against the oracles of their
// papers' small cases.
#include <cmath>
#include <gmock/gmock.h>

#include "shoal/base/random.h"
#include "shoal/rule/rounds_test.h"

namespace shoal {
namespace {

using ::testing::ElementsAre;

const TestRows kFour{{0, 0}, {2, 0}, {0, 2}, {30, 40}};
const TestRows kSquare{{0, 0}, {1, 0}, {0, 1}, {1, 1}, {5, 5}};

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

TEST(Smea, SquareOfTheCard) {
  auto rule = make_rule(rule_table("smea"));
  const Outcome outcome = outcome_of(*rule, test_round(kSquare, 1));
  expect_near_row(outcome.row, {.5, .5}, 1e-7);
  EXPECT_THAT(outcome.selection.kept, ElementsAre(10, 11, 12, 13));
}

TEST(Smea, RefusesManyRowsWithTheArithmetic) {
  auto rule = make_rule(rule_table("smea"));
  EXPECT_TRUE(rule->check(15, 7).ok());
  EXPECT_EQ(rule->check(20, 5).error().message,
            "smea tries all C(n, f) = C(20, 5) = 15504 subsets and takes n <= 15 rows; use caf, or "
            "mda where rows are few");
  EXPECT_EQ(rule->check(6, 3).error().message, "smea needs n > 2f = 6 and 6 rows arrived");
}

TEST(Caf, SquareOfTheCard) {
  auto rule = make_rule(rule_table("caf"));
  const Outcome outcome = outcome_of(*rule, test_round(kSquare, 1));
  expect_near_row(outcome.row, {.5187110, .5187110}, 1e-6);
  EXPECT_THAT(outcome.selection.kept, ElementsAre(10, 11, 12, 13));
}

TEST(Caf, EqualRowsAndNoFaults) {
  const TestRows equal(5, std::vector<float>{3, -1});
  EXPECT_EQ(aggregate_once(rule_table("caf"), test_round(equal, 2)), equal[0]);
  expect_near_row(aggregate_once(rule_table("caf"), test_round(kSquare, 0)), {1.4, 1.4}, 1e-6);
}

Table flag(std::int64_t subspace, std::int64_t iterations, const char* scale = "one_over_m") {
  return rule_table("flag", {{"subspace", subspace}, {"iterations", iterations}, {"scale", scale}});
}

TEST(Flag, TwoAlikeAndOneAcross) {
  const TestRows rows{{5, 0}, {.5, 0}, {0, 3}};
  expect_near_row(aggregate_once(flag(1, 1), test_round(rows, 1)), {2, 0}, 1e-6);
  expect_near_row(aggregate_once(flag(1, 5), test_round(rows, 1)), {2, 0}, 1e-5);
}

TEST(Flag, ThreeDirectionsOfTheCard) {
  const TestRows rows{{1, 0}, {.8f, .6f}, {0, 1}};
  expect_near_row(aggregate_once(flag(1, 1), test_round(rows, 1)), {1.92, 1.44}, 1e-6);
  expect_near_row(aggregate_once(flag(1, 2), test_round(rows, 1)), {1.920081, 1.439871}, 1e-6);
}

TEST(Flag, TheWholeSpaceChangesNothing) {
  const TestRows rows{{3, 4, 0}, {0, 2, 0}, {1, 0, 1}};
  const double r = std::sqrt(.5);
  for (const std::int64_t passes : {1, 2, 7})
    expect_near_row(aggregate_once(flag(3, passes), test_round(rows, 1)),
                    {(.6 + r) / 3, 1.8 / 3, r / 3}, 1e-6);
  expect_near_row(aggregate_once(flag(3, 1, "one_over_p"), test_round(rows, 1)),
                  {(.6 + r) / 3, 1.8 / 3, r / 3}, 1e-6);
}

TEST(Flag, Scales) {
  const TestRows rows{{5, 0}, {2, 0}, {0, 3}, {8, 0}};
  expect_near_row(aggregate_once(flag(1, 1, "one_over_p"), test_round(rows, 1)), {.75, 0}, 1e-6);
  expect_near_row(aggregate_once(flag(1, 1, "mean_norm"), test_round(rows, 1)), {4.5, 0}, 1e-6);
  expect_near_row(aggregate_once(flag(1, 1, "median_norm"), test_round(rows, 1)), {4, 0}, 1e-6);
}

TEST(Flag, DropsRowsOfZerosAndDoublesDoNoHarm) {
  const TestRows rows{{0, 0}, {2, 0}, {3, 0}, {4, 0}, {0, 0}};
  auto rule = make_rule(flag(0, 4));
  const Outcome outcome = outcome_of(*rule, test_round(rows, 2));
  expect_near_row(outcome.row, {1.5, 0}, 1e-6);  // m = ceil((3 + 1) / 2) of three rows
  EXPECT_THAT(outcome.selection.kept, ElementsAre(11, 12, 13));
  const Outcome nothing = outcome_of(*rule, test_round(TestRows(3, std::vector<float>(2)), 1));
  EXPECT_EQ(nothing.row, (std::vector<float>{0, 0}));
  EXPECT_TRUE(nothing.selection.kept.empty());
  EXPECT_EQ(make_rule(flag(4, 1))->check(3, 1).error().message,
            "flag needs subspace <= n, and subspace is 4 and 3 rows arrived; 0 takes half of the "
            "rows and one");
}

// The pairs pull the subspace towards differences: with a heavy lambda the direction between the
// two clusters wins over the one they share.
TEST(Flag, PairsWeighDifferences) {
  const TestRows rows{{3, 1}, {3, 1}, {3, -1}, {3, -1}};
  const auto without = aggregate_once(flag(1, 1), test_round(rows, 1));
  EXPECT_GT(without[0], 3.0f);
  Table heavy = flag(1, 1);
  heavy.set("lambda", 100.0);
  expect_near_row(aggregate_once(heavy, test_round(rows, 1)), {0, 0}, 1e-6);
}

TEST(SignMajority, CountsVotes) {
  const TestRows rows{{5, -1, 0, 1e-45f}, {-.1f, -7, -0.0f, 1}, {2, 9, 0, 0}, {-3e38f, -2, 1, 0}};
  EXPECT_EQ(aggregate_once(rule_table("sign_majority"), test_round(rows, 1)),
            (std::vector<float>{0, -1, 1, 1}));
  EXPECT_FALSE(make_rule(rule_table("sign_majority"))->check(4, 2).ok());
}

}  // namespace
}  // namespace shoal
