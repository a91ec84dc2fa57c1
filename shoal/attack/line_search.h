// The best factor of an attack, searched against the receiver's real rule: that which moves the
// aggregate farthest from the honest mean. Schedule of the common libraries' line search:
//
//   best = start;  probes times: if f(best + delta) > f(best), best += delta;  delta *= ratio
//
// Costs probes + 1 aggregations a round.
#pragma once

#include <functional>

#include "shoal/attack/attack.h"

namespace shoal {

struct LineSearchSettings {
  bool optimise = false;
  std::int64_t probes = 20;
  double start = 0.0;
  double delta = 10.0;
  double ratio = 0.8;
};
void describe(Settings& s, LineSearchSettings& v);

// `row_at(factor, row)` writes what every liar sends. Candidates that the rule has no answer for,
// or whose aggregate is not finite, are passed over. The view has a probe.
double search_factor(const LineSearchSettings& settings, const AttackView& view,
                     const std::function<void(double factor, std::span<float> row)>& row_at);

}  // namespace shoal
