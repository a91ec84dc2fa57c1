// How fast plain averaging brings peers together, from the mixing matrices alone: no network.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "shoal/graph/mixing.h"

namespace shoal {

// Rounds of x <- W x until ||x - mean||_F is at most `tolerance` times its start, from
// `coordinates` standard normal values a node; schedule[t mod size] mixes in round t. Stops at
// rounds_max.
std::size_t rounds_to_consensus(const std::vector<MixingMatrix>& schedule, double tolerance,
                                std::size_t coordinates, std::uint64_t seed,
                                std::size_t rounds_max = 100000);

}  // namespace shoal
