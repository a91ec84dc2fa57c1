// Exponential graphs (Ying et al. 2021, 2110.13363; SGP, 1811.10792). Directed circulants with
// tau = ceil(log2 n) offsets 1, 2, 4, ...
//
//   exponential           i sends to i + 2^k mod n for every k < tau: tau messages a step, diameter
//                         <= tau, spectral gap 2/(1 + tau) for even n with weights 1/(tau + 1)
//   one_peer_exponential  step t: i sends to i + 2^(t mod tau) mod n: one message a step; for
//                         n = 2^tau with weights 1/2, tau steps average exactly
#pragma once

#include "shoal/graph/topology.h"

namespace shoal {

Result<Topology> exponential(std::size_t n);           // n >= 2
Result<Topology> one_peer_exponential(std::size_t n);  // n >= 2; schedule of tau graphs

// ceil(log2 n), the number of offsets.
std::size_t exponential_offsets(std::size_t n);

}  // namespace shoal
