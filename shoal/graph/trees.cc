#include "shoal/graph/trees.h"

#include <fmt/format.h>

#include "shoal/graph/basic_topologies.h"

namespace shoal {
namespace {

NodeId id(std::size_t index) { return static_cast<NodeId>(index); }

std::vector<Edge> relay_tree_edges(std::size_t n) {
  std::vector<Edge> edges;
  for (std::size_t w = 1; w < n; ++w) edges.emplace_back(id(w / 2), id(w));
  return edges;
}

}  // namespace

Result<Topology> binary_tree(std::size_t n) {
  SHOAL_TRY_STATUS(check_nodes("binary tree", n, 2));
  std::vector<Edge> edges;
  for (std::size_t w = 1; w < n; ++w) edges.emplace_back(id((w - 1) / 2), id(w));
  return undirected_topology("binary_tree", n, edges);
}

Result<Topology> relay_tree(std::size_t n) {
  SHOAL_TRY_STATUS(check_nodes("relay tree", n, 2));
  return undirected_topology("relay_tree", n, relay_tree_edges(n));
}

Result<Topology> double_binary_trees(std::size_t n) {
  SHOAL_TRY_STATUS(check_nodes("pair of binary trees", n, 2));
  const std::vector<Edge> tree = relay_tree_edges(n);
  std::vector<Edge> mirror;
  for (const auto& [parent, child] : tree)
    mirror.emplace_back(id(n - 1 - parent), id(n - 1 - child));
  std::vector<Edge> both = tree;
  both.insert(both.end(), mirror.begin(), mirror.end());
  Topology topology = undirected_topology("double_binary_trees", n, both);
  topology.planes.push_back(undirected_topology("relay_tree", n, tree));
  topology.planes.push_back(undirected_topology("mirrored_relay_tree", n, mirror));
  return topology;
}

Result<Topology> spanning_tree(const Topology& topology, NodeId root) {
  if (root >= topology.size())
    return invalid_argument(
        fmt::format("the spanning tree's root {} is no node of the {}", root, topology.text()));
  if (!is_symmetric(topology))
    return invalid_argument(
        fmt::format("a spanning tree needs an undirected topology and the {} "
                    "is directed",
                    topology.text()));
  SHOAL_TRY_STATUS(check_connected(topology));
  std::vector<bool> seen(topology.size(), false);
  std::vector<NodeId> queue{root};
  std::vector<Edge> edges;
  seen[root] = true;
  for (std::size_t head = 0; head < queue.size(); ++head) {
    for (const NodeId next : topology.out[queue[head]]) {
      if (seen[next]) continue;
      seen[next] = true;
      edges.emplace_back(queue[head], next);
      queue.push_back(next);
    }
  }
  return undirected_topology("spanning_tree", topology.size(), edges);
}

}  // namespace shoal
