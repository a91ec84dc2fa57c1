// A little is enough (Baruch et al. 2019, 1902.06156): every liar sends mean - z sd of the honest
// rows per coordinate, hidden within their spread, so that no rule without memory can tell.
//
// With n rows in all, f of them liars, s = floor(n/2) + 1 - f honest rows must lie farther out for
// a majority, hence z = Phi^-1((n-f-s)/(n-f)); or z is given. sd is the sample standard deviation
// (n-1), as in the reference code; its text says n. With `optimise` z is searched anew every round
// (line_search.h), and then `direction` says which way. Wire: an ordinary message. O(n d), and the
// search's aggregations.
#pragma once

#include "shoal/attack/line_search.h"

namespace shoal {

enum class LittleDirection { kMinus, kPlus };

struct LittleIsEnoughSettings {
  bool formula = true;
  double z = 1.0;
  LittleDirection direction = LittleDirection::kMinus;
  LineSearchSettings search;
};
void describe(Settings& s, LittleIsEnoughSettings& v);

// z of the formula; an error when (n-f-s)/(n-f) is not within (0, 1), that is when liars are a
// majority or n < 3.
Result<double> little_is_enough_z(std::size_t n, std::size_t f);

CatalogueEntry<Attack> little_is_enough_entry();

}  // namespace shoal
