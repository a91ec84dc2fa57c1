// Rounds for the tests of rules.
#pragma once

#include <cstdint>
#include <gtest/gtest.h>
#include <string>
#include <utility>
#include <vector>

#include "shoal/base/random.h"
#include "shoal/base/toml.h"
#include "shoal/rule/pipeline.h"
#include "shoal/rule/rule.h"

namespace shoal {

using TestRows = std::vector<std::vector<float>>;

// Senders 10, 11, ...; equal weights. `rows` must outlive the round.
inline RoundView test_round(const TestRows& rows, std::size_t f) {
  RoundView round;
  for (std::uint32_t i = 0; i < rows.size(); ++i) {
    round.rows.emplace_back(rows[i]);
    round.senders.push_back(10 + i);
    round.weights.push_back(1.0 / static_cast<double>(rows.size()));
  }
  round.declared_faults = f;
  return round;
}

// A rule, and a stage before one, from the lines of its table.
inline std::unique_ptr<Pipeline> test_rule(const std::string& toml) {
  return make_pipeline(parse_toml(toml).value(), "[rule]").value();
}
inline std::unique_ptr<PreAggregator> test_stage(const std::string& toml) {
  return pre_aggregators().make(parse_toml(toml).value(), "[rule] before[0]").value();
}

inline Table rule_table(const std::string& kind,
                        std::vector<std::pair<std::string, Value>> settings = {}) {
  Table table;
  table.set("kind", kind);
  for (auto& [name, value] : settings) table.set(name, std::move(value));
  return table;
}

// The same with stages before the rule, by name: the table of a pipeline.
inline Table pipeline_table(const std::string& kind, const std::vector<std::string>& before) {
  Table table = rule_table(kind);
  if (!before.empty()) table.set("before", Value::List(before.begin(), before.end()));
  return table;
}

inline std::unique_ptr<Rule> make_rule(const Table& table) {
  return rules().make(table, "[rule]").value();
}

struct Outcome {
  std::vector<float> row;
  Selection selection;
};

inline Outcome outcome_of(Rule& rule, const RoundView& round) {
  Outcome outcome{std::vector<float>(round.dimension()), {}};
  outcome.selection = rule.aggregate(round, outcome.row).value();
  return outcome;
}

inline std::vector<float> aggregate_once(const Table& table, const RoundView& round) {
  return outcome_of(*make_rule(table), round).row;
}

struct Aggregated {
  std::vector<float> row;
  std::vector<std::uint32_t> kept;
};
inline Aggregated aggregated(Rule& rule, const RoundView& round) {
  Aggregated result{std::vector<float>(round.dimension()), {}};
  const auto selection = rule.aggregate(round, result.row);
  EXPECT_TRUE(selection.ok()) << selection.error().message;
  if (selection.ok()) result.kept = selection->kept;
  return result;
}
inline Aggregated aggregated(const std::string& toml, const RoundView& round) {
  return aggregated(*test_rule(toml), round);
}

inline TestRows transformed(PreAggregator& stage, const RoundView& round) {
  MadeRows made;
  const auto out = stage.transform(round, made);
  EXPECT_TRUE(out.ok()) << out.error().message;
  TestRows rows;
  if (!out.ok()) return rows;
  EXPECT_EQ(out->size(), stage.rows_after(round.size()));
  for (const auto row : *out) rows.emplace_back(row.begin(), row.end());
  return rows;
}
inline TestRows transformed(const std::string& toml, const RoundView& round) {
  return transformed(*test_stage(toml), round);
}

inline void expect_near_row(const std::vector<float>& got, const std::vector<double>& want,
                            double tolerance = 1e-6) {
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t c = 0; c < got.size(); ++c) EXPECT_NEAR(got[c], want[c], tolerance) << c;
}

inline TestRows normal_rows(std::size_t n, std::size_t dimension, std::uint32_t seed) {
  RandomStream stream(seed, purpose("rows of a test"));
  TestRows rows(n, std::vector<float>(dimension));
  for (auto& row : rows)
    for (float& value : row) value = static_cast<float>(stream.normal());
  return rows;
}

// Rows with many ties and some duplicates, values k/4 so that sums are exact.
inline TestRows tied_rows(std::size_t n, std::size_t dimension, std::uint32_t seed) {
  RandomStream stream(seed, purpose("rule test"));
  TestRows rows(n, std::vector<float>(dimension));
  for (auto& row : rows)
    for (float& value : row) value = static_cast<float>(stream.below(9)) / 4 - 1;
  for (std::size_t i = 1; i < n; ++i)
    if (stream.below(4) == 0) rows[i] = rows[stream.below(i)];
  return rows;
}

// Row i is 1 at i and 0 elsewhere: a sum of some tells which.
inline TestRows unit_rows(std::size_t n) {
  TestRows rows(n, std::vector<float>(n, 0.0f));
  for (std::size_t i = 0; i < n; ++i) rows[i][i] = 1.0f;
  return rows;
}

// The sentence a rule, or a stage, refuses n rows and f liars with; empty when it takes them.
template <class Checked>
std::string refusal(const Checked& checked, std::size_t n, std::size_t f) {
  const Status status = checked.check(n, f);
  return status.ok() ? "" : status.error().message;
}

}  // namespace shoal
