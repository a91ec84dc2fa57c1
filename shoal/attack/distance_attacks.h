// Min-max and min-sum (Shejwalkar and Houmansadr, NDSS 2021): every liar sends mean - g p with the
// largest g that keeps it no farther out than honest rows are,
//
//   min_max   max_i ||row - x_i||      <= max_ij ||x_i - x_j||
//   min_sum   sum_i ||row - x_i||^2    <= max_i sum_j ||x_i - x_j||^2
//
// where p is the honest standard deviation, the mean's direction or its signs. Both bounds are
// quadratic in g, so g is solved for where others bisect (and stop at a given g). Wire: an ordinary
// message. O(n^2 d) for the distances.
#pragma once

#include "shoal/attack/attack.h"

namespace shoal {

enum class Perturbation { kDeviation, kUnit, kSign };

struct DistanceAttackSettings {
  Perturbation along = Perturbation::kDeviation;
};
void describe(Settings& s, DistanceAttackSettings& v);

CatalogueEntry<Attack> min_max_entry();
CatalogueEntry<Attack> min_sum_entry();

}  // namespace shoal
