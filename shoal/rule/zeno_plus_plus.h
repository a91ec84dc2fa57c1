// Zeno++ (Xie, Koyejo, Gupta 2020, 1903.07020): accepts or rejects a gradient on arrival by how it
// agrees with v, the receiver's gradient on validation rows (RoundView::trusted).
//
// A row g is rescaled to the length of v, g' = g ||v|| / ||g||, and accepted when
//   gamma <v, g'> - rho P >= -gamma epsilon.
// P is ||g'||^2 = ||v||^2 in the paper ("rescaled"), which makes it a bound rho / gamma on the
// cosine, and ||g||^2 in the official code ("received"), which punishes large rows. A zero row is
// rejected. out is the mean of the rows accepted, each judged on its own, and 0 with nobody kept
// when there is none; an asynchronous server hands in one row at a time. Claimed weights are
// ignored, and any number of liars is legal. O(n d).
#pragma once

#include "shoal/rule/rule.h"

namespace shoal {

enum class ZenoPenalty { kRescaled, kReceived };

struct ZenoPlusPlusSettings {
  double gamma = 0.1;
  double rho = 0.001;
  double epsilon = 0.0;
  ZenoPenalty penalty = ZenoPenalty::kRescaled;
};
void describe(Settings& s, ZenoPlusPlusSettings& v);

CatalogueEntry<Rule> zeno_plus_plus_entry();

}  // namespace shoal
