// Random topologies, drawn from the run's seed and redrawn, with a cap, until connected.
//
//   erdos_renyi      every pair is joined with probability p
//   random_regular   every node has the same degree (Steger and Wormald 1999: join random free ends
//                    that may still be joined, start again when stuck)
//   random_matching  step t: every node exchanges with one partner (a random perfect matching); a
//                    schedule of `matchings` steps, repeated
#pragma once

#include "shoal/base/settings.h"
#include "shoal/graph/topology.h"

namespace shoal {

// Draws before a builder gives up.
inline constexpr std::uint32_t kMaxGraphDraws = 1000;

struct ErdosRenyiSettings {
  double p = 0.5;
};
void describe(Settings& s, ErdosRenyiSettings& v);
Result<Topology> erdos_renyi(std::size_t n, std::uint64_t seed, const ErdosRenyiSettings& settings);

struct RandomRegularSettings {
  std::int64_t degree = 4;
};
void describe(Settings& s, RandomRegularSettings& v);
// Needs n * degree even and degree < n.
Result<Topology> random_regular(std::size_t n, std::uint64_t seed,
                                const RandomRegularSettings& settings);

struct RandomMatchingSettings {
  std::int64_t matchings = 32;
};
void describe(Settings& s, RandomMatchingSettings& v);
// Needs n even. The union of the matchings is connected, so values spread everywhere.
Result<Topology> random_matching(std::size_t n, std::uint64_t seed,
                                 const RandomMatchingSettings& settings);

}  // namespace shoal
