// How straight a curve is: for claims of linear convergence, on logarithms of errors.
#pragma once

#include <span>

namespace shoal {

// R^2 of the least-squares line through (0, values[0]), (1, values[1]), ...: 1 for a straight line.
// 1 for fewer than three values, and for a constant.
double straight_line_fit(std::span<const double> values);
// The slope of that line; at least two values.
double straight_line_slope(std::span<const double> values);

}  // namespace shoal
