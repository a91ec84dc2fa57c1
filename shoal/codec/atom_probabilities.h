// With which probability each atom of a row is kept (Wang et al. 2018, 1806.04090, Algorithm 1).
//
// A row is a sum of l_i a_i with orthonormal atoms a_i. Atom i is kept with probability p_i and
// then sent as l_i / p_i, which is unbiased with E||ghat||^2 = sum l_i^2 / p_i. Of all p with
// sum p <= s the solver gives the one that makes this least: from the largest |l_i| on, p_i = 1
// and one of the budget is spent as long as |l_i| s > R, the sum of |l_j| from i on; all others
// share what is left of s in proportion to |l_j|. (The code that came with the paper takes
// min(1, s |l_i| / ||l||_1), which spends less than s and is not the optimum.)
//
// sum p = min(s, number of l_i that are not 0). O(n), and O(n log n) when some p is clipped to 1.
#pragma once

#include <span>
#include <vector>

namespace shoal {

struct AtomProbabilities {
  std::vector<double> p;
  // When nothing was clipped, every kept |l_i| / p_i is ||l||_1 / s, which this is; else 0.
  double shared_magnitude = 0.0;
};

// weights are finite and budget > 0. Atoms of weight 0 have p = 0, and so have those that would be
// kept less than once in 1e30. Reuses the memory of `found`.
void atom_probabilities(std::span<const double> weights, double budget, AtomProbabilities& found);

}  // namespace shoal
