// The double binary tree of collectives (Sanders, Speck and Traff 2009): two rooted trees in which
// a rank that forwards in one is a leaf of the other, so that a reduce and a broadcast, each of
// half of the data on each tree, use every link both ways: time about 2 n beta for n bytes, where
// one binary tree takes 4 n beta or leaves half of the links idle.
//
// This is the tree of MPI and NCCL, rooted and with edge 0-2^k; RelaySGD's pair is in trees.h.
#pragma once

#include <vector>

#include "shoal/graph/topology.h"

namespace shoal {

inline constexpr NodeId kNoParent = std::numeric_limits<NodeId>::max();

struct RootedTree {
  NodeId root = 0;
  std::vector<NodeId> parent;                 // kNoParent for the root
  std::vector<std::vector<NodeId>> children;  // increasing
};

// Tree 1: rank 0 is the root; a rank r > 0 whose lowest set bit is b hangs below (r ^ b) | 2b, or
// below r ^ b when that is p or more. p >= 1.
Result<RootedTree> collective_tree(std::size_t ranks);

struct DoubleTree {
  RootedTree first;
  RootedTree second;
};
// Tree 2 is tree 1 with r -> p-1-r for even p, and shifted by one rank for odd p. For even p every
// rank is a leaf in exactly one tree; for odd p none is a leaf in both. p >= 2.
Result<DoubleTree> double_collective_trees(std::size_t ranks);

}  // namespace shoal
