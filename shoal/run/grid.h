// Grid: one experiment under every combination of two lists of changes, and what came of each.
//
//   name = "attack-grid"            # an experiment, then
//   [[page]]                        # optional: a table for each
//   name = "IID"
//   partition = { kind = "iid" }
//   [[row]]
//   name = "sign flip"
//   attack = { kind = "sign_flip" }
//   [[column]]
//   name = "Krum"
//   rule = { kind = "krum", faults = 4 }
//
// Changes are laid on as those of a [[run]]: the page's, the row's, then the column's.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "shoal/base/thread_pool.h"
#include "shoal/base/value.h"
#include "shoal/run/experiment.h"

namespace shoal {

// One line of an axis.
struct GridChange {
  std::string name;
  Table changes;
};

struct GridPlan {
  std::string name;
  Table base;
  std::vector<GridChange> pages;  // at least one; a nameless one when the file has none
  std::vector<GridChange> rows;
  std::vector<GridChange> columns;

  std::size_t size() const { return pages.size() * rows.size() * columns.size(); }
};
// `file` is the whole file; `overrides` are --set path=value pairs, laid over everything else.
Result<GridPlan> read_grid(const Table& file);

// What a combination came to: a figure over the seeds, or why it is refused.
struct GridCell {
  std::vector<std::optional<double>> accuracy;        // by seed; empty where a run measured none
  std::vector<std::optional<double>> attack_success;  // the same
  std::string refused;                                // a sentence; empty when it ran
};
// The mean of what is there; nothing when nothing is.
std::optional<double> mean_of(const std::vector<std::optional<double>>& values);

struct GridResult {
  GridPlan plan;
  std::vector<std::int64_t> seeds;
  std::vector<GridCell> cells;  // page by page, row by row, column by column

  const GridCell& at(std::size_t page, std::size_t row, std::size_t column) const {
    return cells[(page * plan.rows.size() + row) * plan.columns.size() + column];
  }
};

// Runs every combination once a seed. A combination that the checks refuse is a cell with the
// reason; any other error ends the grid. `done` is told after every combination.
Result<GridResult> run_grid(
    const GridPlan& plan, const std::vector<std::string>& overrides,
    const std::vector<std::int64_t>& seeds, ThreadPool& pool,
    const std::function<void(std::size_t done, const GridCell& cell)>& done);

// page,row,column,seed,test_accuracy,attack_success,refused with a heading; texts in quotes.
std::string grid_csv(const GridResult& result);

}  // namespace shoal
