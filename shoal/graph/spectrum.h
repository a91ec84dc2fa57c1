// Eigenvalues of a mixing matrix: how fast averaging contracts, and whether D2 may use it.
// Dense O(n^3) work in Eigen, done only when asked for.
#pragma once

#include <vector>

#include "shoal/graph/mixing.h"

namespace shoal {

// Above this many nodes the dense solvers take minutes; spectrum() refuses.
inline constexpr std::size_t kMaxSpectrumNodes = 4096;

struct Spectrum {
  // Symmetric W: the eigenvalues, descending. Otherwise their moduli, descending.
  std::vector<double> eigenvalues;
  bool symmetric = false;
  // max(|l2|, |ln|): per mixing step, consensus error shrinks by this factor. 0 for one node.
  double second_modulus = 0.0;
  double gap = 1.0;       // 1 - second_modulus
  double smallest = 0.0;  // ln; means something only when symmetric
};

Result<Spectrum> spectrum(const MixingMatrix& w);

// D2 (Tang et al. 2018, 1803.07068) diverges, or keeps its worst mode for ever, unless W is
// symmetric with lambda_min > -1/3. An even ring sits at exactly -1/3 and is refused, whatever the
// rounding. The error: "D2 needs lambda_min > -1/3 and this ring of 16 has -0.333333; set mixing
// lazy = true".
Status check_d2(const MixingMatrix& w);

}  // namespace shoal
