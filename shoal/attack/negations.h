// Negatives of what honest workers send; every liar sends the same row. Ordinary messages. O(n d).
//
//   omniscient          -factor times the sum of the honest rows (1802.10116, factor 1e20). Values
//                       beyond the float range become infinite, and such a row is refused
//   negative_of_first   minus the row of the first honest sender: Zeno's "bit-flip" (1805.10032),
//                       which flips no bits
#pragma once

#include "shoal/attack/attack.h"

namespace shoal {

struct OmniscientSettings {
  double factor = 1e20;
};
void describe(Settings& s, OmniscientSettings& v);

CatalogueEntry<Attack> omniscient_entry();
CatalogueEntry<Attack> negative_of_first_entry();

}  // namespace shoal
