// Majority vote of signs (signSGD; Bernstein et al. 2018, 1810.05291): every coordinate of the
// aggregate is the sign of the sum of the rows' signs, 1, -1, or 0 where the vote is even. The size
// of a row says nothing, so a liar has one vote a coordinate. Claimed weights are ignored. n > 2f;
// O(n d).
#pragma once

#include "shoal/rule/rule.h"

namespace shoal {

CatalogueEntry<Rule> sign_majority_entry();

}  // namespace shoal
