// Label flipping: liars train honestly on their own rows with other labels.
//
//   from = to = []                    y becomes C-1-y (Zeno, SLSGD and others)
//   from = [1], to = [7]              one class for another (MUD-HoG's LF)
//   from = [1, 2, 3], to = [7]        several for one (its multi-label flip)
//
// With random_start they also ignore the model they receive and train from a fresh random one, the
// data poisoning of SLSGD (1903.06996; there on a random device's rows, here on the liar's own).
#pragma once

#include "shoal/attack/local_attack.h"

namespace shoal {

struct LabelFlipSettings {
  std::vector<double> from;
  std::vector<double> to;
  bool random_start = false;
};
void describe(Settings& s, LabelFlipSettings& v);

CatalogueEntry<Attack> label_flip_entry();

}  // namespace shoal
