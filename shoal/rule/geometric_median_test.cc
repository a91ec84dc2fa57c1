#include "shoal/rule/geometric_median.h"

#include <cmath>

#include "shoal/base/random.h"
#include "shoal/base/thread_pool.h"
#include "shoal/rule/round_statistics.h"
#include "shoal/rule/rounds_test.h"

namespace shoal {
namespace {

const TestRows kDiagonal{{1, 2, 3}, {4, 5, 6}, {7, 8, 9}};

TEST(GeometricMedian, WeiszfeldOfTheCard) {
  const auto from = [](const char* start, std::int64_t passes) {
    return aggregate_once(
        rule_table(
            "geometric_median",
            {{"start", start}, {"smoothing", 0.1}, {"tolerance", 0.0}, {"iterations", passes}}),
        test_round(kDiagonal, 1));
  };
  expect_near_row(from("zero", 3), {3.7878876, 4.7878876, 5.7878876}, 1e-6);
  EXPECT_NEAR(from("zero", 1)[0], 2.7055774, 1e-6);
  EXPECT_EQ(from("mean", 3), (std::vector<float>{4, 5, 6}));
  EXPECT_EQ(from("median", 3), (std::vector<float>{4, 5, 6}));
}

TEST(GeometricMedian, FourPointsMeetWhereTheDiagonalsDo) {
  const TestRows rows{{0, 0}, {4, 0}, {5, 5}, {0, 3}};
  for (const char* start : {"core", "mean", "median", "zero"})
    expect_near_row(
        aggregate_once(rule_table("geometric_median", {{"start", start}}), test_round(rows, 1)),
        {12.0 / 7, 12.0 / 7}, 1e-5);
}

// On a line it is the median, a data point, where Weiszfeld divides by almost nothing.
TEST(GeometricMedian, OnALineItIsTheMedian) {
  const TestRows rows{{1, 2}, {100, 200}, {2, 4}, {8, 16}, {4, 8}};
  expect_near_row(aggregate_once(rule_table("geometric_median"), test_round(rows, 2)), {4, 8},
                  1e-5);
}

TEST(GeometricMedian, LiarsOfAnySizeDoNotMoveItFar) {
  TestRows rows{{1, 1}, {1, 2}, {2, 1}, {2, 2}, {1.5, 1.5}};
  for (int liar = 0; liar < 4; ++liar) rows.push_back({3e38f, liar % 2 ? 3e38f : -3e38f});
  const auto got = aggregate_once(rule_table("geometric_median"), test_round(rows, 4));
  // (1-a)/sqrt(1-2a) max ||x - c||, a = 4/9.
  EXPECT_LE(std::hypot(got[0] - 1.5, got[1] - 1.5), 5.0 / 9 / std::sqrt(1.0 / 9) * std::sqrt(.5));
}

// Entries 100 +- 1e-3 in 1000 coordinates: distances far below the norms.
TEST(GeometricMedian, FarFromTheOrigin) {
  RandomStream stream(1, purpose("far"));
  TestRows rows(9, std::vector<float>(1000));
  for (auto& row : rows)
    for (float& value : row) value = 100.0f + 1e-3f * static_cast<float>(stream.normal());
  TestRows moved = rows;
  for (auto& row : moved)
    for (float& value : row) value -= 100.0f;  // exact
  const auto far = aggregate_once(rule_table("geometric_median"), test_round(rows, 3));
  const auto near = aggregate_once(rule_table("geometric_median"), test_round(moved, 3));
  for (std::size_t c = 0; c < 1000; ++c) EXPECT_NEAR(far[c] - 100.0f, near[c], 1e-5);
}

TEST(GeometricMedian, ThreadsAndSharedStatisticsChangeNothing) {
  RandomStream stream(1, purpose("threads"));
  TestRows rows(7, std::vector<float>(40001));
  for (auto& row : rows)
    for (float& value : row) value = static_cast<float>(stream.normal());
  for (const char* kind : {"geometric_median", "rfa", "centred_clipping", "caf", "smea", "flag",
                           "foolsgold", "sign_majority"}) {
    RoundView round = test_round(rows, 2);
    const auto alone = aggregate_once(rule_table(kind), round);
    ThreadPool pool(3);
    RoundStatistics statistics(round.rows, &pool);
    round.pool = &pool;
    round.statistics = &statistics;
    EXPECT_EQ(aggregate_once(rule_table(kind), round), alone) << kind;
  }
}

TEST(Rfa, WeighsAsClaimed) {
  const TestRows rows{{0, 0}, {4, 0}, {0, 3}};
  RoundView round = test_round(rows, 1);
  round.weights = {0.0, 0.5, 0.5};
  auto rule = make_rule(rule_table("rfa"));
  const Outcome outcome = outcome_of(*rule, round);
  expect_near_row(outcome.row, {2, 1.5}, 1e-6);
  EXPECT_EQ(outcome.selection.kept, (std::vector<std::uint32_t>{11, 12}));
  // More than half of the weight pulls all the way.
  round.weights = {0.1, 0.1, 0.8};
  expect_near_row(aggregate_once(rule_table("rfa", {{"iterations", std::int64_t{200}}}), round),
                  {0, 3}, 1e-4);
}

// Each pass shrinks a far row by about n: what the header says of T passes.
TEST(Rfa, ThreePassesShrinkAFarRowByThePowersOfN) {
  TestRows rows(9, std::vector<float>{0, 0});
  for (std::size_t i = 0; i < 9; ++i) rows[i][0] = static_cast<float>(i % 3);
  rows[0] = {0, 1e12f};
  const auto got = aggregate_once(rule_table("rfa"), test_round(rows, 1));
  EXPECT_NEAR(std::log(static_cast<double>(got[1]) / 1e12) / std::log(9.0), -4.0, 0.25);
}

TEST(Rfa, AWarmStartBeginsAtTheLastOutput) {
  const TestRows rows{{0, 0}, {4, 0}, {5, 5}, {0, 3}};
  auto warm = make_rule(rule_table("rfa", {{"warm_start", true}, {"iterations", std::int64_t{2}}}));
  const auto first = outcome_of(*warm, test_round(rows, 1)).row;
  const auto second = outcome_of(*warm, test_round(rows, 1)).row;
  expect_near_row(
      aggregate_once(rule_table("rfa", {{"iterations", std::int64_t{2}}}), test_round(rows, 1)),
      {first[0], first[1]}, 0);
  // Two rounds of two passes are four passes, but for the rounding of the output between them.
  const auto four =
      aggregate_once(rule_table("rfa", {{"iterations", std::int64_t{4}}}), test_round(rows, 1));
  expect_near_row(second, {four[0], four[1]}, 1e-6);
  std::vector<float> out(3);
  const TestRows other{{1, 2, 3}, {4, 5, 6}, {7, 8, 9}};
  const auto refused = warm->aggregate(test_round(other, 1), out);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().message,
            "rfa remembers an aggregate of 2 entries and the rows have 3; resume with the model of "
            "the run that wrote the checkpoint");
}

}  // namespace
}  // namespace shoal
