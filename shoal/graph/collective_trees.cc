#include "shoal/graph/collective_trees.h"

#include <algorithm>

#include "shoal/graph/basic_topologies.h"

namespace shoal {
namespace {

RootedTree from_parents(NodeId root, std::vector<NodeId> parent) {
  RootedTree tree{root, std::move(parent), {}};
  tree.children.resize(tree.parent.size());
  for (NodeId r = 0; r < tree.parent.size(); ++r)
    if (r != root) tree.children[tree.parent[r]].push_back(r);
  return tree;
}

}  // namespace

Result<RootedTree> collective_tree(std::size_t ranks) {
  SHOAL_TRY_STATUS(check_nodes("collective tree", ranks, 1));
  std::vector<NodeId> parent(ranks, kNoParent);
  for (std::size_t r = 1; r < ranks; ++r) {
    const std::size_t bit = r & (~r + 1);
    const std::size_t above = (r ^ bit) | (bit << 1);
    parent[r] = static_cast<NodeId>(above < ranks ? above : r ^ bit);
  }
  return from_parents(0, std::move(parent));
}

Result<DoubleTree> double_collective_trees(std::size_t ranks) {
  SHOAL_TRY_STATUS(check_nodes("double tree", ranks, 2));
  SHOAL_TRY(RootedTree first, collective_tree(ranks));
  const auto moved = [&](NodeId r) {
    return static_cast<NodeId>(ranks % 2 == 0 ? ranks - 1 - r : (r + 1) % ranks);
  };
  std::vector<NodeId> parent(ranks, kNoParent);
  for (NodeId r = 0; r < ranks; ++r)
    if (first.parent[r] != kNoParent) parent[moved(r)] = moved(first.parent[r]);
  RootedTree second = from_parents(moved(first.root), std::move(parent));
  return DoubleTree{std::move(first), std::move(second)};
}

}  // namespace shoal
