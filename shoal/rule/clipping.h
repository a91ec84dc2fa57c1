// Rows cut down to a length before another rule sees them; directions stay. Both are O(n d).
//
//   clipping  every row x becomes x min(1, c / ||x||), with c given
//   arc       adaptive robust clipping (Allouah et al. 2024, 2405.14432): the k = floor(2f(n-f)/n)
//             longest rows are cut to the length of the next, the (k+1)-th; needs n > 2f
#pragma once

#include "shoal/rule/rule.h"

namespace shoal {

struct ClippingSettings {
  double c = 2.0;
};
void describe(Settings& s, ClippingSettings& v);

CatalogueEntry<PreAggregator> clipping_entry();
CatalogueEntry<PreAggregator> arc_entry();

}  // namespace shoal
