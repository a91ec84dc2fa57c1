// Nearest-neighbour mixing (Allouah et al. 2023, 2302.01772): every row is replaced by the mean of
// the n-f rows nearest to it, itself included, before another rule sees them. Brings honest rows of
// different data close together, which rules that look for outliers need. Distance ties go to the
// lower sender. Needs n > 2f. O(n^2 d).
#pragma once

#include "shoal/rule/rule.h"

namespace shoal {

CatalogueEntry<PreAggregator> nnm_entry();

}  // namespace shoal
