#include "shoal/rule/flag.h"

#include <cmath>
#include <gmock/gmock.h>

#include "shoal/rule/rounds_test.h"

namespace shoal {
namespace {

using ::testing::ElementsAre;

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

}  // namespace
}  // namespace shoal
