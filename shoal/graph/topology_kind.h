// TopologyKind: a way to draw a topology over n nodes, as the experiment file names it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shoal/base/catalogue.h"
#include "shoal/graph/topology.h"

namespace shoal {

class TopologyKind {
 public:
  virtual ~TopologyKind() = default;
  // Nodes 0..n-1. The same (n, seed) gives the same topology; only random kinds use the seed. The
  // error says which n would do.
  virtual Result<Topology> build(std::size_t n, std::uint64_t seed) const = 0;
};

// All kinds by name (catalogue.cc).
const Catalogue<TopologyKind>& topologies();

}  // namespace shoal
