#include "shoal/rule/spectral_rules.h"

#include <gmock/gmock.h>

#include "shoal/rule/rounds_test.h"

namespace shoal {
namespace {

using ::testing::ElementsAre;

const TestRows kSquare{{0, 0}, {1, 0}, {0, 1}, {1, 1}, {5, 5}};

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

}  // namespace
}  // namespace shoal
