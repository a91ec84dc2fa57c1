#include "studies/straight_line.h"

#include <cstddef>

#include "shoal/base/check.h"

namespace shoal {

double straight_line_fit(std::span<const double> values) {
  if (values.size() < 3) return 1.0;
  const auto n = static_cast<double>(values.size());
  double mean = 0.0;
  for (const double value : values) mean += value / n;
  double across = 0.0, width = 0.0, height = 0.0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double x = static_cast<double>(i) - 0.5 * (n - 1.0);
    const double y = values[i] - mean;
    across += x * y;
    width += x * x;
    height += y * y;
  }
  return height == 0.0 ? 1.0 : across * across / (width * height);
}

double straight_line_slope(std::span<const double> values) {
  SHOAL_CHECK(values.size() >= 2, "the slope of fewer than two values");
  const auto n = static_cast<double>(values.size());
  double across = 0.0, width = 0.0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double x = static_cast<double>(i) - 0.5 * (n - 1.0);
    across += x * values[i];
    width += x * x;
  }
  return across / width;
}

}  // namespace shoal
