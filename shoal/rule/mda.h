// Minimum-diameter averaging (El Mhamdi et al. 2021, 1905.03853): the mean of the n-f rows whose
// largest distance between any two is least.
//
// Exact, by walking through the C(n, f) subsets in lexicographic order and leaving a branch as soon
// as its diameter reaches the best one; more than kSubsetsMax are refused. Of subsets of equal
// diameter the first in that order wins, so ties go to the lower senders. Claimed weights are
// ignored. Needs n > 2f. O(n^2 d) for the distances, O(C(n, f) n) at worst for the walk.
#pragma once

#include "shoal/rule/rule.h"

namespace shoal {

inline constexpr double kSubsetsMax = 1e7;

CatalogueEntry<Rule> mda_entry();

}  // namespace shoal
