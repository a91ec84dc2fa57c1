#include "studies/rank_correlation.h"

#include <cmath>
#include <vector>

#include "shoal/base/check.h"

namespace shoal {
namespace {

// Rank minus the mean rank.
std::vector<double> centred_ranks(std::span<const double> values) {
  std::vector<double> ranks;
  for (const double value : values) {
    double below = 0.0, equal = 0.0;
    for (const double other : values) {
      below += other < value ? 1.0 : 0.0;
      equal += other == value ? 1.0 : 0.0;
    }
    ranks.push_back(below + 0.5 * (equal - 1.0) - 0.5 * (static_cast<double>(values.size()) - 1.0));
  }
  return ranks;
}

double product(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

}  // namespace

double rank_correlation(std::span<const double> a, std::span<const double> b) {
  SHOAL_CHECK(a.size() == b.size() && a.size() >= 2, "ranks of two lists of the same length");
  const std::vector<double> x = centred_ranks(a);
  const std::vector<double> y = centred_ranks(b);
  return product(x, y) / std::sqrt(product(x, x) * product(y, y));
}

}  // namespace shoal
