// Who was kept: for every sender of a run, the rounds in which its row went into the aggregate.
#pragma once

#include <string>

#include "shoal/run/run_folder.h"

namespace shoal {

// A figure with a line a sender, drawn where it was kept and pale where it was not; empty when the
// ledger says nothing of it, or everybody was kept in every round.
std::string kept_figure(const RunSummary& run);

}  // namespace shoal
