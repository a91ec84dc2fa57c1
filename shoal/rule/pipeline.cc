#include "shoal/rule/pipeline.h"

#include <fmt/format.h>

#include "shoal/rule/round_statistics.h"

namespace shoal {
namespace {

constexpr const char* kBefore = "before";

// The tables of the stages before the rule; a bare name stands for a table with only its kind.
Result<std::vector<Table>> stages_before(const Table& table, const std::string& where) {
  std::vector<Table> stages;
  const Value* before = table.find(kBefore);
  if (!before) return stages;
  const Value::List* list = before->as<Value::List>();
  if (!list)
    return invalid_argument(fmt::format("{} before must be a list such as [\"nnm\"] and is {}",
                                        where, before->type_name()));
  for (const Value& entry : *list) {
    Table stage;
    if (const std::string* name = entry.as<std::string>()) {
      stage.set("kind", *name);
    } else if (const Table* given = entry.as<Table>()) {
      stage = *given;
    } else {
      return invalid_argument(fmt::format("{} before holds names or tables and one entry is {}",
                                          where, entry.type_name()));
    }
    stages.push_back(std::move(stage));
  }
  return stages;
}

Table without_before(const Table& table) {
  Table rest = table;
  rest.erase(kBefore);
  return rest;
}

std::string stage_name(const std::string& where, std::size_t stage) {
  return fmt::format("{} before[{}]", where, stage);
}

}  // namespace

Pipeline::Pipeline(std::vector<std::unique_ptr<PreAggregator>> before, std::unique_ptr<Rule> rule)
    : before_(std::move(before)), rule_(std::move(rule)) {
  SHOAL_CHECK(rule_ != nullptr, "a pipeline ends in a rule");
}

Status Pipeline::check(std::size_t n, std::size_t f) const {
  for (const auto& stage : before_) {
    SHOAL_TRY_STATUS(stage->check(n, f));
    f = stage->faults_after(n, f);
    n = stage->rows_after(n);
  }
  return rule_->check(n, f);
}

Result<Selection> Pipeline::aggregate(const RoundView& round, std::span<float> out) {
  SHOAL_TRY_STATUS(check(round.size(), round.declared_faults));
  RoundView view = round;
  std::vector<MadeRows> made(before_.size());  // of each stage; later ones may pass its rows on
  bool mixed = false;
  for (std::size_t k = 0; k < before_.size(); ++k) {
    PreAggregator& stage = *before_[k];
    SHOAL_TRY(auto rows, stage.transform(view, made[k]));
    view.declared_faults = stage.faults_after(view.size(), view.declared_faults);
    view.rows = std::move(rows);
    view.statistics = nullptr;
    if (stage.mixes_senders()) {
      mixed = true;
      view.senders.resize(view.size());
      view.weights.assign(view.size(), 1.0 / static_cast<double>(view.size()));
    }
  }
  SHOAL_TRY(Selection selection, rule_->aggregate(view, out));
  if (mixed) selection.kept = round.senders;
  return selection;
}

Result<std::unique_ptr<Pipeline>> make_pipeline(const Table& table, const std::string& where) {
  SHOAL_TRY(const std::vector<Table> stages, stages_before(table, where));
  std::vector<std::unique_ptr<PreAggregator>> before;
  for (std::size_t i = 0; i < stages.size(); ++i) {
    SHOAL_TRY(auto stage, pre_aggregators().make(stages[i], stage_name(where, i)));
    before.push_back(std::move(stage));
  }
  SHOAL_TRY(auto rule, rules().make(without_before(table), where));
  return {std::make_unique<Pipeline>(std::move(before), std::move(rule))};
}

Result<Table> resolve_pipeline(const Table& table, const std::string& where) {
  SHOAL_TRY(const std::vector<Table> stages, stages_before(table, where));
  Value::List before;
  for (std::size_t i = 0; i < stages.size(); ++i) {
    SHOAL_TRY(Table stage, pre_aggregators().resolve(stages[i], stage_name(where, i)));
    before.emplace_back(std::move(stage));
  }
  SHOAL_TRY(Table resolved, rules().resolve(without_before(table), where));
  if (!before.empty()) resolved.set(kBefore, std::move(before));
  return resolved;
}

}  // namespace shoal
