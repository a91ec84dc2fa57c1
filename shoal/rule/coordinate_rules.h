// Coordinate-wise rules (Yin et al. 2018, 1803.01498). Claimed weights are ignored: a liar could
// claim any. Both need n > 2f and cost O(n log^2 n) SIMD min/max pairs per coordinate.
//
//   coordinate_median  the middle value of every coordinate, the mean of the two middle ones for
//                      even n; f only bounds what is legal
//   trimmed_mean       drops the f smallest and f largest values of every coordinate
#pragma once

#include "shoal/rule/rule.h"

namespace shoal {

CatalogueEntry<Rule> coordinate_median_entry();
CatalogueEntry<Rule> trimmed_mean_entry();

// The error of a rule that needs an honest majority: "nnm needs n > 2f = 8 and 7 rows arrived".
Status check_majority(const char* rule, std::size_t n, std::size_t f);

}  // namespace shoal
