// Rounds for the tests of rules.
#pragma once

#include <gtest/gtest.h>
#include <string>
#include <utility>
#include <vector>

#include "shoal/rule/pipeline.h"

namespace shoal {

using Rows = std::vector<std::vector<float>>;

// Equal weights, senders 10, 11, ... The rows must outlive the round.
inline RoundView round_of(const Rows& rows, std::size_t f) {
  RoundView round;
  for (std::uint32_t i = 0; i < rows.size(); ++i) {
    round.rows.emplace_back(rows[i]);
    round.senders.push_back(10 + i);
    round.weights.push_back(1.0 / static_cast<double>(rows.size()));
  }
  round.declared_faults = f;
  return round;
}

inline Table rule_table(const std::string& kind,
                        std::vector<std::pair<std::string, Value>> settings = {}) {
  Table table;
  table.set("kind", kind);
  for (auto& [name, value] : settings) table.set(name, std::move(value));
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

inline void expect_row(const std::vector<float>& got, const std::vector<double>& want,
                       double within) {
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t c = 0; c < got.size(); ++c)
    EXPECT_NEAR(static_cast<double>(got[c]), want[c], within) << "entry " << c;
}

}  // namespace shoal
