// Davis Southern Women (Davis, Gardner and Gardner 1941): 18 women and the 14 social events they
// attended, a bipartite graph of 32 nodes and 89 edges that decentralised papers use as a real
// social network. Node w < 18 is a woman in the order of the 1941 table, node 18 + e - 1 event e.
#pragma once

#include "shoal/graph/topology.h"

namespace shoal {

Result<Topology> davis(std::size_t n);  // n = 32

}  // namespace shoal
