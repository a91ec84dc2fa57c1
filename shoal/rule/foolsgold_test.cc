#include "shoal/rule/foolsgold.h"

#include <cmath>
#include <gmock/gmock.h>

#include "shoal/rule/rounds_test.h"

namespace shoal {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TestRows directions(const std::vector<double>& degrees) {
  TestRows rows;
  for (const double degree : degrees) {
    const double angle = degree * std::acos(-1.0) / 180;
    rows.push_back({static_cast<float>(std::cos(angle)), static_cast<float>(std::sin(angle))});
  }
  return rows;
}

TEST(Foolsgold, CasesOfTheCard) {
  const Table sum = rule_table("foolsgold", {{"output", "sum"}});
  const TestRows angles = directions({0, 90, 200, 60, 100});
  auto rule = make_rule(sum);
  Outcome outcome = outcome_of(*rule, test_round(angles, 0));
  EXPECT_THAT(outcome.selection.kept, ElementsAre(10, 12));
  expect_near_row(outcome.row, {angles[0][0] + angles[2][0], angles[0][1] + angles[2][1]}, 1e-6);
  outcome = outcome_of(*make_rule(rule_table("foolsgold")), test_round(angles, 0));
  expect_near_row(outcome.row,
                  {(angles[0][0] + angles[2][0]) / 2, (angles[0][1] + angles[2][1]) / 2}, 1e-6);
  const TestRows sybils{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {1, 1, 1}, {1, 1, 1}};
  outcome = outcome_of(*make_rule(sum), test_round(sybils, 0));
  EXPECT_THAT(outcome.selection.kept, ElementsAre(10, 11, 12));
  expect_near_row(outcome.row, {1, 1, 1}, 1e-6);
}

TEST(Foolsgold, OneSenderZerosAndAllAlike) {
  auto rule = make_rule(rule_table("foolsgold"));
  EXPECT_EQ(outcome_of(*rule, test_round({{2, 3}}, 0)).row, (std::vector<float>{2, 3}));
  const TestRows zeros{{0, 0}, {0, 0}, {4, 0}};
  const Outcome some = outcome_of(*make_rule(rule_table("foolsgold")), test_round(zeros, 0));
  EXPECT_THAT(some.selection.kept, ElementsAre(10, 11, 12));
  expect_near_row(some.row, {4.0 / 3, 0}, 1e-6);
  const TestRows alike{{2, 3}, {2, 3}};
  const Outcome none = outcome_of(*make_rule(rule_table("foolsgold")), test_round(alike, 0));
  EXPECT_EQ(none.row, (std::vector<float>{0, 0}));
  EXPECT_THAT(none.selection.kept, IsEmpty());
}

// One round's rows are all different; what two sybils sent before gives them away.
TEST(Foolsgold, RemembersEarlierRounds) {
  auto rule = make_rule(rule_table("foolsgold"));
  const TestRows first{{9, 0, 0}, {0, 0, 9}, {0, 0, 9}};
  const TestRows second{{0, 1, 0}, {1, 0, 0}, {0, 0, 1}};
  outcome_of(*rule, test_round(first, 0));
  EXPECT_THAT(outcome_of(*rule, test_round(second, 0)).selection.kept, ElementsAre(10));
}

}  // namespace
}  // namespace shoal
