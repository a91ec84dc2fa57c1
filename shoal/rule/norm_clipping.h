// Norm clipping and weak differential privacy (Sun et al. 2019, 1911.07963): what a server does
// against replaced models and backdoors.
//
//   norm_clipping  every row D_i becomes D_i / max(1, ||D_i|| / M), then the weighted mean
//   weak_dp        the same, and N(0, sigma^2) added once to every coordinate of the aggregate,
//                  drawn anew for every round and receiver; no privacy budget is claimed
//
// Weights are those that senders claim, which a liar may choose, unless weighted = false; then each
// row moves the mean by at most M / n. f is not used. Nothing is copied. O(n d).
#pragma once

#include "shoal/rule/rule.h"

namespace shoal {

struct NormClippingSettings {
  double bound = 2.0;
  bool weighted = true;
};
void describe(Settings& s, NormClippingSettings& v);

struct WeakDpSettings {
  NormClippingSettings clipping;
  double sigma = 0.025;
};
void describe(Settings& s, WeakDpSettings& v);

CatalogueEntry<Rule> norm_clipping_entry();
CatalogueEntry<Rule> weak_dp_entry();

}  // namespace shoal
