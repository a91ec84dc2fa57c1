#include "shoal/math/weiszfeld.h"

#include <algorithm>
#include <cmath>

#include "shoal/base/check.h"

namespace shoal {
namespace {

// K b.
std::vector<double> times(const PairMatrix& gram, std::span<const double> b) {
  std::vector<double> result(gram.n, 0.0);
  for (std::size_t i = 0; i < gram.n; ++i)
    for (std::size_t j = 0; j < gram.n; ++j) result[i] += gram.at(i, j) * b[j];
  return result;
}

double inner(std::span<const double> x, std::span<const double> y) {
  double sum = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) sum += x[i] * y[i];
  return sum;
}

// ||sum (b_i - c_i) x_i||.
double movement(const PairMatrix& gram, const std::vector<double>& b,
                const std::vector<double>& c) {
  std::vector<double> change(b.size());
  for (std::size_t i = 0; i < b.size(); ++i) change[i] = b[i] - c[i];
  return std::sqrt(std::max(0.0, inner(change, times(gram, change))));
}

double lower_median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>((values.size() - 1) / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

std::vector<double> core_of(const PairMatrix& gram) {
  const std::size_t n = gram.n;
  const auto distance = [&](std::size_t i, std::size_t j) {
    return gram.at(i, i) + gram.at(j, j) - 2 * gram.at(i, j);
  };
  std::vector<double> typical(n), from_centre(n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) from_centre[j] = distance(i, j);
    typical[i] = lower_median(from_centre);
  }
  const auto centre =
      static_cast<std::size_t>(std::min_element(typical.begin(), typical.end()) - typical.begin());
  std::vector<std::size_t> order(n);
  for (std::size_t j = 0; j < n; ++j) order[j] = j;
  std::sort(order.begin(), order.end(), [&](std::size_t i, std::size_t j) {
    return std::pair(distance(centre, i), i) < std::pair(distance(centre, j), j);
  });
  const std::size_t majority = n / 2 + 1;
  std::vector<double> b(n, 0.0);
  for (std::size_t k = 0; k < majority; ++k) b[order[k]] = 1.0 / static_cast<double>(majority);
  return b;
}

std::vector<double> distances_to_combination(const PairMatrix& gram, std::span<const double> b) {
  std::vector<double> distances = times(gram, b);
  const double squared_norm = inner(b, distances);
  for (std::size_t i = 0; i < gram.n; ++i)
    distances[i] = std::sqrt(std::max(0.0, gram.at(i, i) - 2 * distances[i] + squared_norm));
  return distances;
}

std::vector<double> weiszfeld(const PairMatrix& gram, std::span<const double> weights,
                              std::vector<double> distances, const WeiszfeldLimits& limits) {
  SHOAL_CHECK(gram.n == weights.size() && gram.n == distances.size(), "a weight for every row");
  SHOAL_CHECK(limits.passes > 0 && limits.smoothing > 0, "at least one pass, smoothing above 0");
  double claimed = 0.0;
  for (const double weight : weights) claimed += weight;
  SHOAL_CHECK(claimed > 0, "some weight is above 0");
  std::vector<double> b(gram.n), before;
  for (std::size_t pass = 1;; ++pass) {
    double total = 0.0;
    for (std::size_t i = 0; i < gram.n; ++i) {
      b[i] = weights[i] / std::max(limits.smoothing, distances[i]);
      total += b[i];
    }
    for (double& share : b) share /= total;
    // A step is the sum of the unit vectors over `total`.
    if (!before.empty() && limits.tolerance > 0 &&
        movement(gram, b, before) * total <= limits.tolerance * claimed)
      return b;
    if (pass == limits.passes) return b;
    distances = distances_to_combination(gram, b);
    before = b;
  }
}

}  // namespace shoal
