// Bilinear saddle problems made from a seed, one or more functions a node (users[i] says whose):
//
//   g(x, y) = x' A y + a' x + b' y,   x and y of p values
//   row = [a (p values), b (p values), A (p * p values, row-major)],  classes = 0, targets = 0
//
// min over x, max over y of their mean, with (lambda / 2) (|x|^2 - |y|^2) added by the model: the
// set-up of compressed methods for variational inequalities (arXiv 2110.03313, section on
// experiments). A is normal with deviation 1 / sqrt(p), a and b are standard normal. test = train.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "shoal/base/settings.h"
#include "shoal/data/dataset.h"

namespace shoal {

struct BilinearSaddlesSettings {
  std::int64_t nodes = 5;
  std::int64_t functions = 1;
  std::int64_t dimension = 20;
};
void describe(Settings& settings, BilinearSaddlesSettings& values);
Result<Dataset> make_bilinear_saddles(const BilinearSaddlesSettings& settings, std::uint64_t seed);

// p of a set of saddles, or an error when the rows have no such form.
Result<std::size_t> saddle_dimension(const Dataset& data);
// The parts of a row.
inline std::span<const float> saddle_slope_x(std::span<const float> row, std::size_t p) {
  return row.first(p);
}
inline std::span<const float> saddle_slope_y(std::span<const float> row, std::size_t p) {
  return row.subspan(p, p);
}
inline std::span<const float> saddle_coupling(std::span<const float> row, std::size_t p) {
  return row.subspan(2 * p);
}
// (x, y) of the saddle point of the mean of all rows with that lambda > 0, in double, of the
// float32 rows as they stand.
Result<std::vector<double>> saddle_point(const Dataset& data, double lambda);

}  // namespace shoal
