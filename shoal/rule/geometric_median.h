// The geometric median argmin_z sum_i a_i ||z - x_i||, by one smoothed Weiszfeld iteration
// (math/weiszfeld.h). Both rules need n > 2f; a wild coordinate in every row defeats them, as it
// does every rule that looks at distances (Xie et al. 2018, 1802.10116, section 4).
//
//   geometric_median  a_i = 1, to a tolerance: within (1-a)/sqrt(1-2a) max ||x_i - c|| of the mean
//   c
//                     of the honest rows, where a = f/n. It starts at the mean of the majority of
//                     rows that lie closest together: from the mean of all, liars 1e30 away would
//                     take hundreds of passes to shake off.
//   rfa               a_i as the senders claim, T passes from the weighted mean (Pillutla et al.
//                     2019, 1912.13445, algorithm 2). A liar may claim any weight; and T = 3 passes
//                     from the mean shrink a row that is R away to about R / n^(T+1), not to
//                     nothing: rows of any size need more passes or geometric_median.
//
// The iteration runs on the inner products of the rows: one pass over the data for them and one for
// the result, where the textbook form takes one a pass. O(n^2 d / 2 + passes n^2). At n = 25 and
// d = 1e6 the products cost about what three passes over rows do that lie in memory.
#pragma once

#include "shoal/rule/rule.h"

namespace shoal {

enum class WeiszfeldStart { kCore, kMean, kMedian, kZero };

struct GeometricMedianSettings {
  WeiszfeldStart start = WeiszfeldStart::kCore;
  double smoothing = 1e-6;
  double tolerance = 1e-6;
  std::int64_t iterations = 1000;
};
void describe(Settings& s, GeometricMedianSettings& v);

struct RfaSettings {
  std::int64_t iterations = 3;
  double smoothing = 1e-6;
  bool warm_start = false;
};
void describe(Settings& s, RfaSettings& v);

CatalogueEntry<Rule> geometric_median_entry();
CatalogueEntry<Rule> rfa_entry();

}  // namespace shoal
