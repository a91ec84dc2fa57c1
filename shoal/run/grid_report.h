// The report of a grid: one HTML page with a heat map of every figure and page, no network needed.
#pragma once

#include <string>

#include "shoal/run/grid.h"

namespace shoal {

// Cells hold the mean over the seeds, coloured from 0 to 1; with several seeds their spread stands
// in the cell's title. A refused combination shows a dash, and why in its title and in a list.
std::string grid_html(const GridResult& result);

// The same as text: a table of accuracies per page, and of attack success where an attack has a
// goal.
std::string grid_text(const GridResult& result);

}  // namespace shoal
