// Unreliable clients (MUD-HoG, 2208.10273): not malicious, but poor. A step is skipped with some
// probability (30 % of the batches are trained on), and images are blurred by a 5x5 Gaussian kernel
// (with std 50 nearly a box). The paper draws for each used batch whether it is blurred; here each
// row is blurred or not, once and for all. Edges are mirrored. A skipped step still counts as work.
#pragma once

#include "shoal/attack/local_attack.h"

namespace shoal {

struct UnreliableSettings {
  double skip = 0.7;
  double blur = 0.5;
  double std = 50.0;
};
void describe(Settings& s, UnreliableSettings& v);

CatalogueEntry<Attack> unreliable_entry();

}  // namespace shoal
