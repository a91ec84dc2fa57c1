// Inner product manipulation (Xie, Koyejo and Gupta, UAI 2019, 1903.03936): every liar sends the
// same a = -scale * mean of the honest rows as sent. A small scale keeps the aggregate close to
// honest rows and yet pointing the wrong way; the mean itself flips when scale > honest/liars.
//
// `scale` is the multiple in a = -scale * mean; some code writes (1 - factor) * mean, whose factor
// is scale + 1. With `optimise` the scale is searched anew every round (line_search.h). Wire: an
// ordinary message. O(n d), and the search's aggregations.
#pragma once

#include "shoal/attack/line_search.h"

namespace shoal {

struct InnerProductSettings {
  double scale = 0.1;
  LineSearchSettings search;
};
void describe(Settings& s, InnerProductSettings& v);

CatalogueEntry<Attack> inner_product_entry();

}  // namespace shoal
