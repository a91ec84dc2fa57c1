// Spearman's rank correlation.
#pragma once

#include <span>

namespace shoal {

// The correlation of the ranks of a and b, equal values sharing the mean of their ranks; a and b
// have the same length, at least 2. NaN when all values of one are equal.
double rank_correlation(std::span<const double> a, std::span<const double> b);

}  // namespace shoal
