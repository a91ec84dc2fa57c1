#include "shoal/run/grid.h"

#include <fmt/format.h>
#include <set>

#include "shoal/run/run.h"

namespace shoal {
namespace {

Result<std::vector<GridChange>> read_axis(const Table& file, const char* axis) {
  std::vector<GridChange> changes;
  const Value* value = file.find(axis);
  if (!value) return changes;
  const auto* list = value->as<Value::List>();
  if (!list)
    return invalid_argument(fmt::format("'{0}' must be written as [[{0}]], one table each", axis));
  std::set<std::string> names;
  for (const Value& entry : *list) {
    const Table* table = entry.as<Table>();
    const Value* named = table ? table->find("name") : nullptr;
    const std::string* name = named ? named->as<std::string>() : nullptr;
    if (!name || !names.insert(*name).second)
      return invalid_argument(
          fmt::format("line {}: every [[{}]] needs a name of its own", entry.line, axis));
    Table rest = *table;
    rest.erase("name");
    changes.push_back({*name, std::move(rest)});
  }
  return changes;
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

std::string number(const std::optional<double>& value) {
  return value ? fmt::format("{}", *value) : std::string();
}

}  // namespace

Result<GridPlan> read_grid(const Table& file) {
  GridPlan plan;
  SHOAL_TRY(plan.pages, read_axis(file, "page"));
  SHOAL_TRY(plan.rows, read_axis(file, "row"));
  SHOAL_TRY(plan.columns, read_axis(file, "column"));
  if (plan.rows.empty() || plan.columns.empty())
    return invalid_argument(
        "a grid needs [[row]] and [[column]] tables, each with a name and what it changes");
  if (file.find("run"))
    return invalid_argument("a grid is one experiment under changes; leave [[run]] out");
  plan.base = file;
  for (const char* axis : {"page", "row", "column"}) plan.base.erase(axis);
  if (plan.pages.empty()) plan.pages.push_back({"", Table()});
  const Value* name = file.find("name");
  if (const auto* text = name ? name->as<std::string>() : nullptr) plan.name = *text;
  return plan;
}

std::optional<double> mean_of(const std::vector<std::optional<double>>& values) {
  double sum = 0.0;
  std::size_t count = 0;
  for (const auto& value : values) {
    if (!value) continue;
    sum += *value;
    ++count;
  }
  if (count == 0) return std::nullopt;
  return sum / static_cast<double>(count);
}

Result<GridResult> run_grid(
    const GridPlan& plan, const std::vector<std::string>& overrides,
    const std::vector<std::int64_t>& seeds, ThreadPool& pool,
    const std::function<void(std::size_t done, const GridCell& cell)>& done) {
  GridResult result{plan, seeds, {}};
  for (const GridChange& page : plan.pages)
    for (const GridChange& row : plan.rows)
      for (const GridChange& column : plan.columns) {
        const Table table = with_changes(
            with_changes(with_changes(plan.base, page.changes), row.changes), column.changes);
        const std::string place = fmt::format("{} {} {}", page.name, row.name, column.name);
        GridCell cell;
        for (const std::int64_t seed : seeds) {
          std::vector<std::string> set = overrides;
          set.push_back(fmt::format("seed={}", seed));
          const auto experiments = read_experiments(table, set);
          if (!experiments.ok()) return within(place, experiments.error());
          auto run = Run::create(experiments->front(), pool);
          if (!run.ok()) {
            cell.refused = run.error().message;
            break;
          }
          if (const Status status = (*run)->go(); !status.ok())
            return within(place, status.error());
          const auto& lines = (*run)->result().lines;
          cell.accuracy.push_back(final_figure(lines, "test_accuracy"));
          cell.attack_success.push_back(final_figure(lines, "attack_success"));
        }
        result.cells.push_back(std::move(cell));
        done(result.cells.size(), result.cells.back());
      }
  return result;
}

std::string grid_csv(const GridResult& result) {
  std::string csv = "page,row,column,seed,test_accuracy,attack_success,refused\n";
  const GridPlan& plan = result.plan;
  for (std::size_t p = 0; p < plan.pages.size(); ++p)
    for (std::size_t r = 0; r < plan.rows.size(); ++r)
      for (std::size_t c = 0; c < plan.columns.size(); ++c) {
        const GridCell& cell = result.at(p, r, c);
        const std::string place =
            fmt::format("{},{},{}", quoted(plan.pages[p].name), quoted(plan.rows[r].name),
                        quoted(plan.columns[c].name));
        if (!cell.refused.empty()) csv += fmt::format("{},,,,{}\n", place, quoted(cell.refused));
        for (std::size_t i = 0; i < cell.accuracy.size(); ++i)
          csv += fmt::format("{},{},{},{},\n", place, result.seeds[i], number(cell.accuracy[i]),
                             number(cell.attack_success[i]));
      }
  return csv;
}

}  // namespace shoal
