// Pipeline: pre-aggregators, then a rule; itself a rule. In the experiment file
//
//   [rule]
//   kind = "trimmed_mean"
//   before = ["nnm"]              # names, or tables such as { kind = "...", ... }
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "shoal/base/value.h"
#include "shoal/rule/rule.h"

namespace shoal {

class Pipeline : public Rule {
 public:
  Pipeline(std::vector<std::unique_ptr<PreAggregator>> before, std::unique_ptr<Rule> rule);

  // Every stage is asked with the number of rows that reaches it, and of liars among them.
  Status check(std::size_t n, std::size_t f) const override;
  bool is_weighted_mean() const override { return before_.empty() && rule_->is_weighted_mean(); }
  RuleNeeds needs() const override { return rule_->needs(); }
  void save(ByteWriter& out) const override { rule_->save(out); }
  Status load(ByteReader& in) override { return rule_->load(in); }
  // Uses round.statistics for the first stage that needs them. A later stage sees new rows, so the
  // statistics are computed afresh; after a mixing stage all weights are 1/n and all senders kept.
  Result<Selection> aggregate(const RoundView& round, std::span<float> out) override;

 private:
  std::vector<std::unique_ptr<PreAggregator>> before_;
  std::unique_ptr<Rule> rule_;
};

// The pipeline of a [rule] table.
Result<std::unique_ptr<Pipeline>> make_pipeline(const Table& table, const std::string& where);
// The table with every default written out.
Result<Table> resolve_pipeline(const Table& table, const std::string& where);

}  // namespace shoal
