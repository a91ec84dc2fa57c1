#include "shoal/attack/line_search.h"

#include <cmath>

#include "shoal/math/vector.h"

namespace shoal {

void describe(Settings& s, LineSearchSettings& v) {
  s.flag("optimise", v.optimise,
         "search the factor anew every round against the receiver's rule: the one that moves the "
         "aggregate farthest from the honest mean");
  s.integer("probes", v.probes, "aggregations of the search", {.range = at_least(1).up_to(1000)});
  s.real("start", v.start, "the search's first factor", {.range = any_number()});
  s.real("delta", v.delta, "its first step", {.range = any_number()});
  s.real("ratio", v.ratio, "each step is this share of the one before",
         {.range = above(0).below(1)});
}

double search_factor(const LineSearchSettings& settings, const AttackView& view,
                     const std::function<void(double factor, std::span<float> row)>& row_at) {
  SHOAL_CHECK(view.probe != nullptr && !view.honest.empty(), "a search has a rule to probe");
  std::vector<float> mean(view.dimension()), row(mean.size()), out(mean.size());
  mean_of_rows(view.honest, mean);
  const std::vector<Row> rows(view.liars.size(), row);
  const auto distance_at = [&](double factor) {
    row_at(factor, row);
    const bool answered = view.probe(rows, out).ok();
    const double squared = answered ? squared_distance(out, mean) : -HUGE_VAL;
    return std::isfinite(squared) ? squared : -HUGE_VAL;
  };
  double best = settings.start, delta = settings.delta;
  double farthest = distance_at(best);
  for (std::int64_t probe = 0; probe < settings.probes; ++probe) {
    const double distance = distance_at(best + delta);
    if (distance > farthest) {
      farthest = distance;
      best += delta;
    }
    delta *= settings.ratio;
  }
  return best;
}

}  // namespace shoal
