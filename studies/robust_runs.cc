#include "studies/robust_runs.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "shoal/base/clock.h"
#include "shoal/base/toml.h"
#include "shoal/rule/pipeline.h"

namespace shoal {

std::string softmax_on_fashion(std::size_t workers, std::size_t rounds, std::size_t batch) {
  return fmt::format(R"(
[data]
kind = "fashion_mnist"
[partition]
kind = "iid"
[model]
kind = "softmax"
[nodes]
count = {}
[method]
kind = "server_sgd"
rounds = {}
batch = {}
server_learning_rate = 0.1
[report]
every = 5
)",
                     workers, rounds, batch);
}

std::vector<std::string> under(const RuleChoice& rule, std::size_t f, const AttackChoice& attack,
                               std::size_t liars) {
  std::vector<std::string> settings = rule.settings;
  settings.push_back(fmt::format("faults={}", f));
  std::vector<std::string> set = section("rule", rule.kind, settings);
  if (!rule.before.empty())
    set.push_back(fmt::format("rule.before=[\"{}\"]", fmt::join(rule.before, "\", \"")));
  if (attack.kind.empty()) return joined(set, {"nodes.liars=0", "attack.kind=none"});
  set = joined(set, section("attack", attack.kind, attack.settings));
  set.push_back(fmt::format("nodes.liars={}", attack.in_transit ? 0 : liars));
  return set;
}

Result<Sample> accuracy_under(StudyContext& context, const std::string& experiment,
                              const std::vector<std::string>& set) {
  return context.over_seeds(experiment, set, "test_accuracy");
}

const Sample& AccuracyGrid::at(const std::string& attack, const std::string& rule) const {
  for (std::size_t a = 0; a < attacks.size(); ++a)
    for (std::size_t r = 0; r < rules.size(); ++r)
      if (attacks[a].name == attack && rules[r].name == rule) return accuracy[a][r];
  SHOAL_CHECK(false, "an attack or a rule that the grid does not have");
  return accuracy.front().front();
}

Result<AccuracyGrid> accuracy_grid(StudyContext& context, const std::string& experiment,
                                   std::vector<RuleChoice> rules, std::vector<AttackChoice> attacks,
                                   std::size_t f) {
  AccuracyGrid grid{std::move(rules), std::move(attacks), {}};
  const std::size_t columns = grid.rules.size();
  grid.accuracy.assign(grid.attacks.size(), std::vector<Sample>(columns));
  SHOAL_TRY_STATUS(context.side_by_side(
      grid.attacks.size() * columns, [&](StudyContext& alone, std::size_t i) -> Status {
        const auto set = under(grid.rules[i % columns], f, grid.attacks[i / columns], f);
        SHOAL_TRY(grid.accuracy[i / columns][i % columns], accuracy_under(alone, experiment, set));
        return ok_status();
      }));
  return grid;
}

std::string grid_table(const std::string& heading, const AccuracyGrid& grid) {
  std::vector<std::string> columns{"attack"};
  for (const RuleChoice& rule : grid.rules) columns.push_back(rule.name);
  std::vector<std::vector<std::string>> rows;
  for (std::size_t a = 0; a < grid.attacks.size(); ++a) {
    rows.push_back({grid.attacks[a].name});
    for (const Sample& sample : grid.accuracy[a]) rows.back().push_back(sample.text());
  }
  return markdown_table(heading, columns, rows);
}

double most_lost(const Sample& reference, const Sample& sample) {
  return -smallest_lead(sample, reference);
}

double least_s(int turns, const std::function<void()>& work) {
  double least = HUGE_VAL;
  for (int turn = 0; turn < turns; ++turn) {
    const double begin_s = steady_now_s();
    work();
    least = std::min(least, steady_now_s() - begin_s);
  }
  return least;
}

Result<double> aggregation_s(const std::string& rule, const std::vector<std::vector<float>>& rows,
                             std::size_t f, std::span<float> out) {
  SHOAL_TRY(const Table table, parse_toml(rule));
  SHOAL_TRY(const auto pipeline, make_pipeline(table, "[rule]"));
  RoundView view;
  view.rows.assign(rows.begin(), rows.end());
  view.weights.assign(rows.size(), 1.0 / static_cast<double>(rows.size()));
  for (std::size_t i = 0; i < rows.size(); ++i)
    view.senders.push_back(static_cast<std::uint32_t>(i));
  view.declared_faults = f;
  Status status;
  const double least = least_s(3, [&] {
    const auto selection = pipeline->aggregate(view, out);
    if (!selection.ok()) status = selection.error();
  });
  SHOAL_TRY_STATUS(status);
  return least;
}

}  // namespace shoal
