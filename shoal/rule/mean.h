// Mean of the rows: the rule of FedAvg and of every method without liars. Tolerates none: a single
// row moves it anywhere, whatever f is declared. O(n d).
#pragma once

#include "shoal/rule/rule.h"

namespace shoal {

struct MeanSettings {
  bool weighted = true;
};
void describe(Settings& s, MeanSettings& v);

CatalogueEntry<Rule> mean_entry();

}  // namespace shoal
