// A topology the experiment file spells out: edges = ["0-1", "1-2", "2>0"], where a-b joins both
// ways and a>b only sends from a to b.
#pragma once

#include "shoal/base/settings.h"
#include "shoal/graph/topology.h"

namespace shoal {

struct EdgeListSettings {
  std::vector<std::string> edges;
};
void describe(Settings& s, EdgeListSettings& v);
// An error for an edge that does not parse, leaves 0..n-1, joins a node with itself or is repeated,
// and for a graph that is not connected.
Result<Topology> edge_list(std::size_t n, const EdgeListSettings& settings);

}  // namespace shoal
