// Bulyan (El Mhamdi et al. 2018, 1802.07927): Krum again and again, then the middle of what it
// chose, so that no liar hides a large step in a single coordinate of a near row.
//
// n-2f times Krum is run on the rows that are left, with f unchanged and at least one neighbour,
// and its row moves to the chosen; then every coordinate is the mean of the n-4f chosen values
// nearest to their median (lower value first among equals). Needs n >= 4f + 3. Score ties go to the
// lower sender. Claimed weights are ignored. O(n^2 d) for the distances, found once, and
// O(n log^2 n) min/max pairs a coordinate.
//
// A score is added up afresh from the sorted distances of rows still there, never by subtracting
// the terms of a row that left: beside a liar's 1e30 the honest rows' terms would be gone.
#pragma once

#include "shoal/rule/rule.h"

namespace shoal {

CatalogueEntry<Rule> bulyan_entry();

}  // namespace shoal
