// Stale replay: a liar sends again the row that it would have sent `delay` rounds ago, so that its
// message is well formed and plausible, and pulls towards where the model was. As long as it has no
// row that old it sends its first one.
//
// Rounds are those of one receiver in which the liar's row came and it lies. Memory: delay + 1 rows
// for each liar and receiver.
#pragma once

#include "shoal/attack/attack.h"

namespace shoal {

struct StaleReplaySettings {
  std::int64_t delay = 5;
};
void describe(Settings& s, StaleReplaySettings& v);

CatalogueEntry<Attack> stale_replay_entry();

}  // namespace shoal
