#include "shoal/rule/pipeline.h"

#include <algorithm>
#include <gmock/gmock.h>

#include "shoal/base/thread_pool.h"
#include "shoal/rule/round_statistics.h"
#include "shoal/rule/rounds_test.h"

namespace shoal {
namespace {

using ::testing::HasSubstr;

std::vector<float> aggregate(const Table& table, const RoundView& round) {
  const auto pipeline = make_pipeline(table, "[rule]").value();
  const Outcome outcome = outcome_of(*pipeline, round);
  EXPECT_EQ(outcome.selection.kept, round.senders);
  return outcome.row;
}

const std::vector<Table>& robust_pipelines() {
  static const std::vector<Table> all{rule_table("mean"),
                                      rule_table("coordinate_median"),
                                      rule_table("trimmed_mean"),
                                      pipeline_table("mean", {"nnm"}),
                                      pipeline_table("trimmed_mean", {"nnm"}),
                                      pipeline_table("coordinate_median", {"nnm", "nnm"})};
  return all;
}

TEST(Pipeline, ReadsItsTable) {
  EXPECT_THAT(make_pipeline(rule_table("trimed_mean"), "[rule]").error().message,
              HasSubstr("did you mean 'trimmed_mean'?"));
  EXPECT_THAT(make_pipeline(pipeline_table("mean", {"nmm"}), "[rule]").error().message,
              HasSubstr("[rule] before[0]"));
  Table wrong = rule_table("mean");
  wrong.set("before", 3);
  EXPECT_THAT(make_pipeline(wrong, "[rule]").error().message, HasSubstr("must be a list"));
  wrong.set("before", Value::List{Value(2)});
  EXPECT_THAT(make_pipeline(wrong, "[rule]").error().message, HasSubstr("names or tables"));
  const Table resolved = resolve_pipeline(pipeline_table("mean", {"nnm"}), "[rule]").value();
  EXPECT_EQ(*resolved.find("weighted")->as<bool>(), true);
  const auto* before = resolved.find("before")->as<Value::List>();
  EXPECT_EQ(*before->at(0).as<Table>()->find("kind")->as<std::string>(), "nnm");
  EXPECT_TRUE(make_pipeline(resolved, "[rule]").ok());
}

TEST(Pipeline, SharedStatisticsAndThreadsChangeNothing) {
  RandomStream stream(1, purpose("statistics"));
  TestRows rows(7, std::vector<float>(40000));
  for (auto& row : rows)
    for (float& value : row) value = static_cast<float>(stream.normal());
  for (const Table& table : robust_pipelines()) {
    RoundView round = test_round(rows, 2);
    const auto alone = aggregate(table, round);
    ThreadPool pool(3);
    RoundStatistics statistics(round.rows, &pool);
    round.pool = &pool;
    round.statistics = &statistics;
    EXPECT_EQ(aggregate(table, round), alone);
  }
}

// Generic rows: distance ties would be broken by position. Sums run in another order, hence 1e-6.
TEST(Pipeline, PermutationOfSendersChangesNothing) {
  for (std::uint32_t seed = 0; seed < 20; ++seed) {
    RandomStream stream(seed, purpose("permutation"));
    TestRows rows(9, std::vector<float>(40));
    for (auto& row : rows)
      for (float& value : row) value = static_cast<float>(stream.normal());
    TestRows shuffled = rows;
    stream.shuffle(std::span<std::vector<float>>(shuffled));
    for (const Table& table : robust_pipelines()) {
      const auto before = aggregate(table, test_round(rows, 3));
      const auto after = aggregate(table, test_round(shuffled, 3));
      for (std::size_t c = 0; c < 40; ++c) EXPECT_NEAR(before[c], after[c], 1e-6);
    }
  }
}

TEST(Pipeline, TranslationMovesTheResult) {
  for (std::uint32_t seed = 0; seed < 20; ++seed) {
    const TestRows rows = tied_rows(8, 40, seed);
    TestRows moved = rows;
    for (auto& row : moved)
      for (std::size_t c = 0; c < row.size(); ++c) row[c] += static_cast<float>(c) / 8;
    for (const Table& table : robust_pipelines()) {
      const auto before = aggregate(table, test_round(rows, 2));
      const auto after = aggregate(table, test_round(moved, 2));
      for (std::size_t c = 0; c < 40; ++c)
        EXPECT_NEAR(after[c], before[c] + static_cast<float>(c) / 8, 2e-6);
    }
  }
}

TEST(Pipeline, RefusesWithTheArithmetic) {
  const auto refusal = [](const Table& table, std::size_t n, std::size_t f) {
    return make_pipeline(table, "[rule]").value()->check(n, f).error().message;
  };
  EXPECT_EQ(refusal(rule_table("trimmed_mean"), 7, 4),
            "trimmed_mean needs n > 2f = 8 and 7 rows arrived");
  EXPECT_EQ(refusal(rule_table("coordinate_median"), 4, 2),
            "coordinate_median needs n > 2f = 4 and 4 rows arrived");
  EXPECT_EQ(refusal(pipeline_table("mean", {"nnm"}), 4, 2),
            "nnm needs n > 2f = 4 and 4 rows arrived");
  EXPECT_EQ(refusal(rule_table("mean"), 0, 0), "mean needs n >= 1 and no rows arrived");
  EXPECT_FALSE(make_pipeline(rule_table("trimmed_mean"), "[rule]").value()->check(0, 0).ok());
  // Arrivals of a round are checked again.
  const TestRows rows{{1}, {2}};
  std::vector<float> out(1);
  auto pipeline = make_pipeline(pipeline_table("trimmed_mean", {"nnm"}), "[rule]").value();
  EXPECT_FALSE(pipeline->aggregate(test_round(rows, 1), out).ok());
}

}  // namespace
}  // namespace shoal
