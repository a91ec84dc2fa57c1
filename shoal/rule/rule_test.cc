#include "shoal/rule/rule.h"

#include <algorithm>
#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <numeric>

#include "shoal/base/random.h"
#include "shoal/base/thread_pool.h"
#include "shoal/rule/pipeline.h"
#include "shoal/rule/round_statistics.h"

namespace shoal {
namespace {

using ::testing::HasSubstr;
using Rows = std::vector<std::vector<float>>;

RoundView round_of(const Rows& rows, std::size_t f) {
  RoundView round;
  for (std::uint32_t i = 0; i < rows.size(); ++i) {
    round.rows.emplace_back(rows[i]);
    round.senders.push_back(10 + i);
    round.weights.push_back(1.0 / static_cast<double>(rows.size()));
  }
  round.declared_faults = f;
  return round;
}

Table table_of(const std::string& kind, std::vector<std::string> before = {}) {
  Table table;
  table.set("kind", kind);
  Value::List list(before.begin(), before.end());
  if (!before.empty()) table.set("before", list);
  return table;
}

std::vector<float> aggregate(const Table& table, const RoundView& round) {
  auto pipeline = make_pipeline(table, "[rule]").value();
  std::vector<float> out(round.dimension());
  EXPECT_EQ(pipeline->aggregate(round, out).value().kept, round.senders);
  return out;
}

Rows transform(const std::string& kind, const RoundView& round) {
  Table table;
  table.set("kind", kind);
  auto stage = pre_aggregators().make(table, "[rule]").value();
  std::vector<float> out(stage->rows_after(round.size()) * round.dimension());
  EXPECT_TRUE(stage->transform(round, out).ok());
  Rows rows;
  for (std::size_t at = 0; at < out.size(); at += round.dimension())
    rows.emplace_back(out.begin() + at, out.begin() + at + round.dimension());
  return rows;
}

void expect_rows(const Rows& got, const Rows& want) {
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < got.size(); ++i)
    for (std::size_t c = 0; c < got[i].size(); ++c) EXPECT_FLOAT_EQ(got[i][c], want[i][c]);
}

// Rows with many ties and some duplicates, values k/4 so that sums are exact.
Rows tied_rows(std::size_t n, std::size_t dimension, std::uint32_t seed) {
  RandomStream stream(seed, purpose("rule test"));
  Rows rows(n, std::vector<float>(dimension));
  for (auto& row : rows)
    for (float& value : row) value = static_cast<float>(stream.below(9)) / 4 - 1;
  for (std::size_t i = 1; i < n; ++i)
    if (stream.below(4) == 0) rows[i] = rows[stream.below(i)];
  return rows;
}

TEST(Nnm, FourPointsOfTheCard) {
  const Rows rows{{0, 0}, {2, 0}, {0, 2}, {30, 40}};
  const float near = 2.0f / 3;
  expect_rows(transform("nnm", round_of(rows, 1)),
              {{near, near}, {near, near}, {near, near}, {32.0f / 3, 14}});
}

TEST(Nnm, ThreeRowsOfTheCard) {
  const Rows rows{{1, 2, 3}, {4, 5, 6}, {7, 8, 9}};
  expect_rows(transform("nnm", round_of(rows, 1)),
              {{2.5, 3.5, 4.5}, {2.5, 3.5, 4.5}, {5.5, 6.5, 7.5}});
}

TEST(Nnm, AgainstADirectDoubleVersion) {
  for (std::uint32_t seed = 0; seed < 60; ++seed) {
    const std::size_t n = 3 + seed % 9, f = seed % ((n + 1) / 2), dimension = 5;
    const Rows rows = tied_rows(n, dimension, seed);
    Rows want;
    for (std::size_t i = 0; i < n; ++i) {
      std::vector<std::pair<double, std::size_t>> order;
      for (std::size_t j = 0; j < n; ++j) {
        double distance = 0;
        for (std::size_t c = 0; c < dimension; ++c)
          distance += std::pow(double(rows[i][c]) - double(rows[j][c]), 2);
        order.emplace_back(j == i ? -1.0 : distance, j);
      }
      std::sort(order.begin(), order.end());
      std::vector<float> mean(dimension);
      for (std::size_t c = 0; c < dimension; ++c) {
        double sum = 0;
        for (std::size_t k = 0; k < n - f; ++k) sum += rows[order[k].second][c];
        mean[c] = static_cast<float>(sum * (1.0 / double(n - f)));
      }
      want.push_back(mean);
    }
    EXPECT_EQ(transform("nnm", round_of(rows, f)), want) << seed;
  }
}

TEST(TrimmedMean, AgainstADirectDoubleVersion) {
  for (std::uint32_t seed = 0; seed < 100; ++seed) {
    const std::size_t n = 1 + seed % 20, f = seed % ((n + 1) / 2), dimension = 37;
    const Rows rows = tied_rows(n, dimension, seed);
    const std::vector<float> trimmed = aggregate(table_of("trimmed_mean"), round_of(rows, f));
    const std::vector<float> median = aggregate(table_of("coordinate_median"), round_of(rows, f));
    for (std::size_t c = 0; c < dimension; ++c) {
      std::vector<double> column;
      for (const auto& row : rows) column.push_back(row[c]);
      std::sort(column.begin(), column.end());
      const double sum = std::accumulate(column.begin() + f, column.end() - f, 0.0);
      EXPECT_EQ(trimmed[c], static_cast<float>(sum / double(n - 2 * f)));
      EXPECT_EQ(median[c], static_cast<float>((column[(n - 1) / 2] + column[n / 2]) / 2));
    }
  }
}

TEST(TrimmedMean, AnEvenMedianIsTheMeanOfTheMiddleTwo) {
  const Rows rows{{1}, {10}, {2}, {4}};
  EXPECT_EQ(aggregate(table_of("coordinate_median"), round_of(rows, 1)), std::vector<float>{3});
  EXPECT_EQ(aggregate(table_of("trimmed_mean"), round_of(rows, 1)), std::vector<float>{3});
  EXPECT_EQ(aggregate(table_of("trimmed_mean"), round_of(rows, 0)), std::vector<float>{4.25});
}

const std::vector<Table>& robust_pipelines() {
  static const std::vector<Table> all{table_of("mean"),
                                      table_of("coordinate_median"),
                                      table_of("trimmed_mean"),
                                      table_of("mean", {"nnm"}),
                                      table_of("trimmed_mean", {"nnm"}),
                                      table_of("coordinate_median", {"nnm", "nnm"})};
  return all;
}

// Generic rows: distance ties would be broken by position. Sums run in another order, hence 1e-6.
TEST(Rules, PermutationOfSendersChangesNothing) {
  for (std::uint32_t seed = 0; seed < 20; ++seed) {
    RandomStream stream(seed, purpose("permutation"));
    Rows rows(9, std::vector<float>(40));
    for (auto& row : rows)
      for (float& value : row) value = static_cast<float>(stream.normal());
    Rows shuffled = rows;
    stream.shuffle(std::span<std::vector<float>>(shuffled));
    for (const Table& table : robust_pipelines()) {
      const auto before = aggregate(table, round_of(rows, 3));
      const auto after = aggregate(table, round_of(shuffled, 3));
      for (std::size_t c = 0; c < 40; ++c) EXPECT_NEAR(before[c], after[c], 1e-6);
    }
  }
}

TEST(Rules, TranslationMovesTheResult) {
  for (std::uint32_t seed = 0; seed < 20; ++seed) {
    const Rows rows = tied_rows(8, 40, seed);
    Rows moved = rows;
    for (auto& row : moved)
      for (std::size_t c = 0; c < row.size(); ++c) row[c] += static_cast<float>(c) / 8;
    for (const Table& table : robust_pipelines()) {
      const auto before = aggregate(table, round_of(rows, 2));
      const auto after = aggregate(table, round_of(moved, 2));
      for (std::size_t c = 0; c < 40; ++c)
        EXPECT_NEAR(after[c], before[c] + static_cast<float>(c) / 8, 2e-6);
    }
  }
}

// f rows anywhere cannot push trimmed mean or median out of the honest range.
TEST(Rules, StayWithinTheHonestRange) {
  for (std::uint32_t seed = 0; seed < 50; ++seed) {
    Rows rows = tied_rows(9, 20, seed);
    for (std::size_t liar = 0; liar < 4; ++liar) rows[liar].assign(20, liar % 2 ? 3e38f : -3e38f);
    for (const char* kind : {"trimmed_mean", "coordinate_median"}) {
      const auto result = aggregate(table_of(kind), round_of(rows, 4));
      for (std::size_t c = 0; c < 20; ++c) {
        float low = 1e9f, high = -1e9f;
        for (std::size_t i = 4; i < 9; ++i) {
          low = std::min(low, rows[i][c]);
          high = std::max(high, rows[i][c]);
        }
        EXPECT_GE(result[c], low);
        EXPECT_LE(result[c], high);
      }
    }
  }
}

TEST(Mean, WeighsAsClaimedOrEqually) {
  const Rows rows{{1, 0}, {3, 4}};
  RoundView round = round_of(rows, 0);
  round.weights = {0.25, 0.75};
  EXPECT_EQ(aggregate(table_of("mean"), round), (std::vector<float>{2.5, 3}));
  Table equal = table_of("mean");
  equal.set("weighted", false);
  EXPECT_EQ(aggregate(equal, round), (std::vector<float>{2, 2}));
  // After mixing no row belongs to one sender, so weights are equal.
  EXPECT_EQ(aggregate(table_of("mean", {"nnm"}), round), (std::vector<float>{2, 2}));
}

TEST(Rules, RefuseWithTheArithmetic) {
  const auto refusal = [](const Table& table, std::size_t n, std::size_t f) {
    return make_pipeline(table, "[rule]").value()->check(n, f).error().message;
  };
  EXPECT_EQ(refusal(table_of("trimmed_mean"), 7, 4),
            "trimmed_mean needs n > 2f = 8 and 7 rows arrived");
  EXPECT_EQ(refusal(table_of("coordinate_median"), 4, 2),
            "coordinate_median needs n > 2f = 4 and 4 rows arrived");
  EXPECT_EQ(refusal(table_of("mean", {"nnm"}), 4, 2), "nnm needs n > 2f = 4 and 4 rows arrived");
  EXPECT_EQ(refusal(table_of("mean"), 0, 0), "mean needs n >= 1 and no rows arrived");
  EXPECT_FALSE(make_pipeline(table_of("trimmed_mean"), "[rule]").value()->check(0, 0).ok());
  // Arrivals of a round are checked again.
  const Rows rows{{1}, {2}};
  std::vector<float> out(1);
  auto pipeline = make_pipeline(table_of("trimmed_mean", {"nnm"}), "[rule]").value();
  EXPECT_FALSE(pipeline->aggregate(round_of(rows, 1), out).ok());
}

TEST(Pipeline, ReadsItsTable) {
  EXPECT_THAT(make_pipeline(table_of("trimed_mean"), "[rule]").error().message,
              HasSubstr("did you mean 'trimmed_mean'?"));
  EXPECT_THAT(make_pipeline(table_of("mean", {"nmm"}), "[rule]").error().message,
              HasSubstr("[rule] before[0]"));
  Table wrong = table_of("mean");
  wrong.set("before", 3);
  EXPECT_THAT(make_pipeline(wrong, "[rule]").error().message, HasSubstr("must be a list"));
  wrong.set("before", Value::List{Value(2)});
  EXPECT_THAT(make_pipeline(wrong, "[rule]").error().message, HasSubstr("names or tables"));
  const Table resolved = resolve_pipeline(table_of("mean", {"nnm"}), "[rule]").value();
  EXPECT_EQ(*resolved.find("weighted")->as<bool>(), true);
  const auto* before = resolved.find("before")->as<Value::List>();
  EXPECT_EQ(*before->at(0).as<Table>()->find("kind")->as<std::string>(), "nnm");
  EXPECT_TRUE(make_pipeline(resolved, "[rule]").ok());
}

TEST(Pipeline, SharedStatisticsAndThreadsChangeNothing) {
  RandomStream stream(1, purpose("statistics"));
  Rows rows(7, std::vector<float>(40000));
  for (auto& row : rows)
    for (float& value : row) value = static_cast<float>(stream.normal());
  for (const Table& table : robust_pipelines()) {
    RoundView round = round_of(rows, 2);
    const auto alone = aggregate(table, round);
    ThreadPool pool(3);
    RoundStatistics statistics(round.rows, &pool);
    round.pool = &pool;
    round.statistics = &statistics;
    EXPECT_EQ(aggregate(table, round), alone);
  }
}

TEST(RoundStatistics, MedoidIsHonestAndTheGramIsCentredThere) {
  Rows rows = tied_rows(9, 30, 3);
  for (std::size_t liar = 0; liar < 4; ++liar) rows[liar].assign(30, 1e30f);
  const RoundView round = round_of(rows, 4);
  RoundStatistics statistics(round.rows);
  EXPECT_GE(statistics.medoid(), 4u);
  const PairMatrix& gram = statistics.centred_gram();
  const PairMatrix& distances = statistics.squared_distances();
  for (std::size_t i = 4; i < 9; ++i)
    for (std::size_t j = 4; j < 9; ++j)
      EXPECT_NEAR(gram.at(i, i) + gram.at(j, j) - 2 * gram.at(i, j), distances.at(i, j), 1e-9);
  EXPECT_NEAR(statistics.squared_norms()[5], squared_norm(rows[5]), 0);
}

}  // namespace
}  // namespace shoal
