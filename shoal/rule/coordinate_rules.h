// Coordinate-wise rules. Claimed weights are ignored: a liar could claim any. All need n > 2f and
// cost O(n log^2 n) SIMD min/max pairs per coordinate. f bounds the liars, or the values that are
// wrong in any one coordinate, whoever sent them.
//
//   coordinate_median   the middle value of every coordinate, the mean of the two middle ones for
//                       even n; f only bounds what is legal (Yin et al. 2018, 1803.01498)
//   trimmed_mean        drops the f smallest and f largest values of every coordinate (the same)
//   mean_around_median  the n-f values of every coordinate nearest to its median; of two equally
//                       far the lower one (Xie et al. 2018, 1802.10116)
//   phocas              the same around the trimmed mean (Xie et al. 2018, 1805.09682)
#pragma once

#include "shoal/rule/rule.h"

namespace shoal {

CatalogueEntry<Rule> coordinate_median_entry();
CatalogueEntry<Rule> trimmed_mean_entry();
CatalogueEntry<Rule> mean_around_median_entry();
CatalogueEntry<Rule> phocas_entry();

// The error of a rule that needs an honest majority: "nnm needs n > 2f = 8 and 7 rows arrived".
Status check_majority(const char* rule, std::size_t n, std::size_t f);

}  // namespace shoal
