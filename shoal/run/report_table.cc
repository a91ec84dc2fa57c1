#include "shoal/run/report_table.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "shoal/run/human.h"

namespace shoal {
namespace {

constexpr const char* kNone = "–";

using Values = std::vector<std::optional<double>>;

template <class Value>
Values values_of(const std::vector<RunSummary>& runs, Value value) {
  Values values;
  for (const RunSummary& run : runs) values.push_back(value(run));
  return values;
}

ReportColumn fixed_column(std::string heading, const Values& values) {
  ReportColumn column{std::move(heading), false, {}};
  std::vector<double> known;
  for (const auto& value : values)
    if (value) known.push_back(*value);
  const int decimals = column_decimals(known);
  for (const auto& value : values)
    column.cells.push_back(value ? fmt::format("{:.{}f}", *value, decimals) : kNone);
  return column;
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

}  // namespace

bool has_figure(const RunSummary& run, const std::string& name) {
  return std::any_of(run.lines.begin(), run.lines.end(),
                     [&](const LedgerLine& line) { return line.figure(name).has_value(); });
}

bool any_has_figure(const std::vector<RunSummary>& runs, const std::string& name) {
  return std::any_of(runs.begin(), runs.end(),
                     [&](const RunSummary& run) { return has_figure(run, name); });
}

bool is_among_peers(const RunSummary& run) {
  return has_figure(run, "test_loss_worst") || has_figure(run, "test_accuracy_worst") ||
         has_figure(run, "consensus_distance");
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

std::vector<ReportColumn> report_columns(const std::vector<RunSummary>& runs) {
  std::vector<ReportColumn> columns;
  ReportColumn names{"run", true, {}};
  ReportColumn gradients{"gradients", false, {}};
  for (const RunSummary& run : runs) {
    names.cells.push_back(run.name);
    gradients.cells.push_back(run.lines.empty() ? kNone : human_count(run.lines.back().gradients));
  }
  columns.push_back(std::move(names));
  add_final_columns(runs, columns);
  const auto at_end = [&](auto value) {
    return values_of(runs, [&](const RunSummary& run) -> std::optional<double> {
      if (run.lines.empty()) return std::nullopt;
      return value(run, run.lines.back());
    });
  };
  using Maybe = std::optional<double>;
  columns.push_back(fixed_column("virtual h", at_end([](const auto&, const LedgerLine& line) {
                                   return Maybe(line.time_s / 3600.0);
                                 })));
  columns.push_back(fixed_column("MB sent", at_end([](const auto& run, const LedgerLine& line) {
                                   return Maybe(bytes_sent(line, is_among_peers(run)) / 1e6);
                                 })));
  columns.push_back(fixed_column("MB up", at_end([](const auto&, const LedgerLine& line) {
                                   return Maybe(static_cast<double>(line.bytes_up) / 1e6);
                                 })));
  columns.push_back(fixed_column("MB down", at_end([](const auto& run, const LedgerLine& line) {
                                   if (is_among_peers(run)) return Maybe();
                                   return Maybe(static_cast<double>(line.bytes_down) / 1e6);
                                 })));
  columns.push_back(std::move(gradients));
  columns.push_back(fixed_column("wall s", values_of(runs, [](const RunSummary& run) {
                                   return run.wall_s > 0.0 ? Maybe(run.wall_s) : Maybe();
                                 })));
  return columns;
}

}  // namespace shoal
