#include "shoal/run/report_table.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "shoal/run/human.h"

namespace shoal {
namespace {

constexpr const char* kNone = "–";

using Values = std::vector<std::optional<double>>;

int decimals_of(const Values& values) {
  std::vector<double> known;
  for (const auto& value : values)
    if (value) known.push_back(*value);
  return column_decimals(known);
}

void add_fixed_column(std::string heading, const Values& values, int decimals,
                      std::vector<ReportColumn>& columns) {
  ReportColumn column{std::move(heading), false, {}};
  for (const auto& value : values)
    column.cells.push_back(value ? human_fixed(*value, decimals) : kNone);
  columns.push_back(std::move(column));
}

// Final figures: accuracies with three decimals, losses with four digits.
ReportColumn final_column(std::string heading, const std::vector<RunSummary>& runs,
                          const std::string& figure) {
  const bool is_accuracy = figure.find("accuracy") != std::string::npos;
  ReportColumn column{std::move(heading), false, {}};
  for (const RunSummary& run : runs) {
    const auto value = final_figure(run.lines, figure);
    if (!value)
      column.cells.push_back(kNone);
    else if (ended_not_finite(run, figure) || !std::isfinite(*value))
      column.cells.push_back("not finite");
    else if (is_accuracy)
      column.cells.push_back(fmt::format("{:.3f}", *value));
    else
      column.cells.push_back(fmt::format("{:#.4g}", *value));
  }
  return column;
}

void add_final_columns(const std::vector<RunSummary>& runs, std::vector<ReportColumn>& columns) {
  const auto add = [&](const std::string& figure, const std::string& heading) {
    columns.push_back(final_column(heading, runs, figure));
    if (any_has_figure(runs, figure + "_worst"))
      columns.push_back(final_column("worst node", runs, figure + "_worst"));
  };
  if (any_has_figure(runs, "test_accuracy")) add("test_accuracy", "final accuracy");
  const auto measured_by = [&](const char* loss) {
    return std::any_of(runs.begin(), runs.end(), [&](const RunSummary& run) {
      return !has_figure(run, "test_accuracy") && has_figure(run, loss);
    });
  };
  if (measured_by("test_loss"))
    add("test_loss", "final loss");
  else if (measured_by("train_loss"))
    add("train_loss", "final training loss");
}

// What a run cost up to its last line. Virtual time has the unit of the longest run; the three
// columns of megabytes share their decimals.
void add_cost_columns(const std::vector<RunSummary>& runs, std::vector<ReportColumn>& columns) {
  double longest_s = 0.0;
  for (const RunSummary& run : runs)
    if (!run.lines.empty()) longest_s = std::max(longest_s, run.lines.back().time_s);
  const Unit& unit = time_unit(longest_s);
  Values time, sent, up, down, wall;
  ReportColumn gradients{"gradients", false, {}};
  for (const RunSummary& run : runs) {
    const bool peers = is_among_peers(run);
    const LedgerLine* end = run.lines.empty() ? nullptr : &run.lines.back();
    const auto at_end = [end](double value) {
      return end ? std::optional<double>(value) : std::nullopt;
    };
    const LedgerLine line = end ? *end : LedgerLine{};
    time.push_back(at_end(line.time_s / unit.size));
    sent.push_back(at_end(bytes_sent(line, peers) / 1e6));
    up.push_back(at_end(static_cast<double>(line.bytes_up) / 1e6));
    down.push_back(peers ? std::nullopt : at_end(static_cast<double>(line.bytes_down) / 1e6));
    gradients.cells.push_back(end ? human_count(line.gradients) : kNone);
    wall.push_back(run.wall_s > 0.0 ? std::optional<double>(run.wall_s) : std::nullopt);
  }
  const int decimals = std::max({decimals_of(sent), decimals_of(up), decimals_of(down)});
  const bool virtual_time = std::all_of(
      runs.begin(), runs.end(), [](const RunSummary& run) { return run.world == "simulation"; });
  add_fixed_column(fmt::format("{} {}", virtual_time ? "virtual" : "run", unit.name), time,
                   decimals_of(time), columns);
  add_fixed_column("MB sent", sent, decimals, columns);
  add_fixed_column("MB up", up, decimals, columns);
  add_fixed_column("MB down", down, decimals, columns);
  columns.push_back(std::move(gradients));
  add_fixed_column("wall s", wall, decimals_of(wall), columns);
}

// The first measurement at or above the target.
const LedgerLine* reached(const RunSummary& run, double target) {
  for (const LedgerLine& line : run.lines) {
    auto value = line.figure("test_accuracy_of_mean");
    if (!value) value = line.figure("test_accuracy");
    if (value && *value >= target) return &line;
  }
  return nullptr;
}

void add_target_columns(const std::vector<RunSummary>& runs, double target,
                        std::vector<ReportColumn>& columns) {
  double longest_s = 0.0;
  for (const RunSummary& run : runs)
    if (const LedgerLine* line = reached(run, target))
      longest_s = std::max(longest_s, line->time_s);
  const Unit& unit = time_unit(longest_s);
  Values time, sent;
  for (const RunSummary& run : runs) {
    const LedgerLine* line = reached(run, target);
    time.push_back(line ? std::optional<double>(line->time_s / unit.size) : std::nullopt);
    sent.push_back(line ? std::optional<double>(bytes_sent(*line, is_among_peers(run)) / 1e6)
                        : std::nullopt);
  }
  add_fixed_column(fmt::format("{} to {}", unit.name, target), time, decimals_of(time), columns);
  add_fixed_column(fmt::format("MB to {}", target), sent, decimals_of(sent), columns);
}

}  // namespace

bool has_figure(const RunSummary& run, const std::string& name) {
  return std::any_of(run.lines.begin(), run.lines.end(),
                     [&](const LedgerLine& line) { return line.figure(name).has_value(); });
}

bool any_has_figure(const std::vector<RunSummary>& runs, const std::string& name) {
  return std::any_of(runs.begin(), runs.end(),
                     [&](const RunSummary& run) { return has_figure(run, name); });
}

bool is_among_peers(const LedgerLine& line) {
  return line.figure("test_loss_worst") || line.figure("test_accuracy_worst") ||
         line.figure("consensus_distance");
}
bool is_among_peers(const RunSummary& run) {
  return std::any_of(run.lines.begin(), run.lines.end(),
                     [](const LedgerLine& line) { return is_among_peers(line); });
}

double bytes_sent(const LedgerLine& line, bool among_peers) {
  return static_cast<double>(line.bytes_up) +
         (among_peers ? 0.0 : static_cast<double>(line.bytes_down));
}

bool ended_not_finite(const RunSummary& run, const std::string& name) {
  const LedgerLine* last = nullptr;
  Step apart_max = 1;
  for (const LedgerLine& line : run.lines) {
    const auto value = line.figure(name);
    if (!value || !std::isfinite(*value)) continue;
    if (last) apart_max = std::max(apart_max, line.round - last->round);
    last = &line;
  }
  return last && run.lines.back().round - last->round >= apart_max;
}

std::vector<ReportColumn> report_columns(const std::vector<RunSummary>& runs,
                                         std::optional<double> target_accuracy) {
  std::vector<ReportColumn> columns;
  ReportColumn names{"run", true, {}};
  for (const RunSummary& run : runs) names.cells.push_back(run.name);
  columns.push_back(std::move(names));
  add_final_columns(runs, columns);
  if (target_accuracy) add_target_columns(runs, *target_accuracy, columns);
  add_cost_columns(runs, columns);
  return columns;
}

}  // namespace shoal
