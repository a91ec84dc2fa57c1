// Trees for relayed sums.
//
//   binary_tree          heap order: parent(w) = (w-1)/2
//   relay_tree           RelaySGD's tree 1 (2110.04175): parent(w) = floor(w/2), so edge 0-1 and
//                        the children 2w and 2w+1 of w >= 1
//   double_binary_trees  two planes: the relay tree and its mirror w -> n-1-w. Inner nodes of one
//                        are mostly leaves of the other, so the two degrees of a node sum to 4 at
//                        most; even coordinates travel on plane 0 and odd ones on plane 1
//   spanning_tree        breadth-first tree of a connected graph
#pragma once

#include "shoal/graph/topology.h"

namespace shoal {

Result<Topology> binary_tree(std::size_t n);          // n >= 2
Result<Topology> relay_tree(std::size_t n);           // n >= 2
Result<Topology> double_binary_trees(std::size_t n);  // n >= 2

// Nodes are taken in breadth-first order and adopt their unseen neighbours in increasing id. The
// topology must be symmetric and connected, the root one of its nodes; else an error.
Result<Topology> spanning_tree(const Topology& topology, NodeId root);

}  // namespace shoal
