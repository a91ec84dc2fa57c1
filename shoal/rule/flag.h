// Flag Aggregator (Almasi et al. 2024, 2302.05865): the sum of the rows' directions, projected on
// the subspace that fits the directions best.
//
// With u_i = x_i / ||x_i||, a subspace with orthonormal basis Y of m vectors and the ratios
// rho_i = ||Y'u_i||^2, Y minimises
//
//   sum_i sqrt(1 - rho_i) + lambda / (p (p-1)) sum_{i != j} sqrt(1 - rho_ij),
//
// rho_ij the ratio of the normalised difference of u_i and u_j (pairs nearer than 1e-6 are left
// out), by reweighted least squares: squared weights (1 - rho + floor)^(-1/2), Y the top m
// eigenvectors of the weighted scatter. The first pass weighs all alike; one pass is the truncated
// principal subspace. The result is scale * Y Y' sum u_i. More passes fit m rows ever better and
// drop honest others, so keep them few.
//
// Rows of zeros have no direction: they are dropped, p and with it m shrink, and their senders are
// not kept. Eigenvalues below 1e-12 of the largest are dropped, so equal rows do no harm. A
// flipped row fits as well as an honest one: this is no defence against sign flips. Ignores claimed
// weights. n > 2f; O(n^2 d / 2 + passes n^3) on the n x n inner products.
#pragma once

#include "shoal/rule/rule.h"

namespace shoal {

enum class FlagScale { kOneOverM, kOneOverP, kMeanNorm, kMedianNorm };

struct FlagSettings {
  std::int64_t subspace = 0;
  std::int64_t iterations = 1;
  double lambda = 0.0;
  double floor = 1e-7;
  double tolerance = 1e-10;
  FlagScale scale = FlagScale::kOneOverM;
};
void describe(Settings& s, FlagSettings& v);

CatalogueEntry<Rule> flag_entry();

}  // namespace shoal
