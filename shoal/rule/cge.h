// Comparative gradient elimination (Gupta, Liu and Vaidya 2020, 2008.04699): the mean of the n-f
// rows of smallest Euclidean norm. Norm ties go to the lower sender. Claimed weights are ignored.
// Needs n > 2f. O(n d).
//
// It stops large rows only: a liar within the honest norms is averaged in.
#pragma once

#include "shoal/rule/rule.h"

namespace shoal {

CatalogueEntry<Rule> cge_entry();

}  // namespace shoal
