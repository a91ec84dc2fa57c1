// Centred clipping (Karimireddy et al. 2021, 2012.10333, algorithm 2): steps from the last round's
// aggregate v towards the rows, none longer than tau,
//
//   v <- v + (1/n) sum_i (x_i - v) min(1, tau / ||x_i - v||),     L times; v = 0 before the first.
//
// f rows move it by at most L f tau / n a round. The guarantee is for rows that are momenta of
// their senders and for f/n up to about 0.1; n > 2f is what is checked. Claimed weights are
// ignored.
//
// One step costs two passes over the rows (distances, sum). More steps run on the inner products of
// the x_i - v: v stays v_0 + sum b_i (x_i - v_0), O(n^2 d / 2 + L n^2).
#pragma once

#include "shoal/rule/rule.h"

namespace shoal {

struct CentredClippingSettings {
  double tau = 10.0;
  std::int64_t iterations = 1;
};
void describe(Settings& s, CentredClippingSettings& v);

CatalogueEntry<Rule> centred_clipping_entry();

}  // namespace shoal
