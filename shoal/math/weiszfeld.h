// Weiszfeld's iteration for the weighted geometric median, smoothed as in RFA (Pillutla et al.
// 2019, 1912.13445, algorithm 2), on inner products alone: every iterate is a combination z = sum
// b_i x_i, so the n x n matrix K of inner products knows all distances,
//
//   ||x_i - z||^2 = K_ii - 2 (K b)_i + b' K b,      b_i <- a_i / max(nu, ||x_i - z||), scaled to 1.
//
// O(n^2) a pass and nothing of the order of d. A distance below 1e-8 of the rows' norms is
// rounding: less than what one more bit of a float row would move it.
#pragma once

#include <span>
#include <vector>

#include "shoal/math/gram.h"

namespace shoal {

struct WeiszfeldLimits {
  std::size_t passes = 1000;  // at most; at least 1
  double smoothing = 1e-6;    // nu: the least distance that is divided by
  // Stops when the weighted mean of the unit vectors from z to the rows (0 at the median) is no
  // longer than this; 0: after all passes. Small steps are no sign of the end: z leaves a row that
  // is not the median by steps that begin at nu.
  double tolerance = 0.0;
};

// The coefficients b of the last z, which sum to 1. `weights` are not negative and not all 0;
// `distances` are those of the rows to the starting point, which need not be a combination of rows.
std::vector<double> weiszfeld(const PairMatrix& gram, std::span<const double> weights,
                              std::vector<double> distances, const WeiszfeldLimits& limits);

// Equal coefficients for the majority of rows nearest to the one with the least median distance to
// the others, 0 for the rest: their mean is near the honest rows wherever a minority may be.
std::vector<double> core_of(const PairMatrix& gram);

// ||x_i - sum_j b_j x_j|| for coefficients that sum to 1, from the inner products of the rows.
std::vector<double> distances_to_combination(const PairMatrix& gram, std::span<const double> b);

}  // namespace shoal
