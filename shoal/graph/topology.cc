#include "shoal/graph/topology.h"

#include <algorithm>
#include <fmt/format.h>

namespace shoal {
namespace {

// Errors list at most this many nodes of a cycle or component.
constexpr std::size_t kMaxNodesListed = 20;

void sort_unique(std::vector<std::vector<NodeId>>& lists) {
  for (std::vector<NodeId>& list : lists) {
    std::sort(list.begin(), list.end());
    list.erase(std::unique(list.begin(), list.end()), list.end());
  }
}

std::string joined(const std::vector<NodeId>& nodes, const char* separator) {
  std::string text;
  for (std::size_t i = 0; i < nodes.size() && i < kMaxNodesListed; ++i)
    text += fmt::format("{}{}", i ? separator : "", nodes[i]);
  if (nodes.size() > kMaxNodesListed)
    text += fmt::format("{}... ({} nodes)", separator, nodes.size());
  return text;
}

std::vector<std::uint32_t> breadth_first(const std::vector<std::vector<NodeId>>& adjacency,
                                         NodeId from) {
  std::vector<std::uint32_t> hops(adjacency.size(), kUnreachable);
  std::vector<NodeId> queue{from};
  hops[from] = 0;
  for (std::size_t head = 0; head < queue.size(); ++head) {
    for (const NodeId next : adjacency[queue[head]]) {
      if (hops[next] != kUnreachable) continue;
      hops[next] = hops[queue[head]] + 1;
      queue.push_back(next);
    }
  }
  return hops;
}

std::vector<NodeId> unreached(const std::vector<std::uint32_t>& hops) {
  std::vector<NodeId> nodes;
  for (NodeId i = 0; i < hops.size(); ++i)
    if (hops[i] == kUnreachable) nodes.push_back(i);
  return nodes;
}

// The nodes of one cycle of an undirected graph, first node repeated at the end; empty for a
// forest. Grows breadth-first trees and closes the first edge between two nodes already seen.
std::vector<NodeId> find_cycle(const Topology& topology) {
  const std::size_t n = topology.size();
  std::vector<NodeId> parent(n, 0);
  std::vector<bool> seen(n, false);
  for (NodeId root = 0; root < n; ++root) {
    if (seen[root]) continue;
    seen[root] = true;
    parent[root] = root;
    std::vector<NodeId> queue{root};
    for (std::size_t head = 0; head < queue.size(); ++head) {
      const NodeId node = queue[head];
      for (const NodeId next : topology.out[node]) {
        if (!seen[next]) {
          seen[next] = true;
          parent[next] = node;
          queue.push_back(next);
        } else if (next != parent[node]) {
          std::vector<NodeId> left{node}, right{next};
          while (left.back() != root) left.push_back(parent[left.back()]);
          while (right.back() != root) right.push_back(parent[right.back()]);
          // Cut the shared way to the root, keep the branching node once.
          while (left.size() > 1 && right.size() > 1 &&
                 left[left.size() - 2] == right[right.size() - 2]) {
            left.pop_back();
            right.pop_back();
          }
          right.pop_back();
          std::vector<NodeId> cycle(left.rbegin(), left.rend());
          cycle.insert(cycle.end(), right.begin(), right.end());
          cycle.push_back(cycle.front());
          if (cycle[1] > cycle[cycle.size() - 2]) std::reverse(cycle.begin(), cycle.end());
          return cycle;
        }
      }
    }
  }
  return {};
}

}  // namespace

std::string Topology::text() const { return fmt::format("{} of {}", name, size()); }

Topology directed_topology(std::string name, std::size_t n, const std::vector<Edge>& edges) {
  Topology topology{std::move(name), {}, {}, {}, {}};
  topology.out.resize(n);
  topology.in.resize(n);
  for (const auto& [from, to] : edges) {
    SHOAL_CHECK(from < n && to < n && from != to, "an edge joins two different nodes below n");
    topology.out[from].push_back(to);
    topology.in[to].push_back(from);
  }
  sort_unique(topology.out);
  sort_unique(topology.in);
  return topology;
}

Topology undirected_topology(std::string name, std::size_t n, const std::vector<Edge>& edges) {
  std::vector<Edge> both;
  both.reserve(2 * edges.size());
  for (const auto& [a, b] : edges) {
    both.emplace_back(a, b);
    both.emplace_back(b, a);
  }
  return directed_topology(std::move(name), n, both);
}

const Topology& at_step(const Topology& topology, std::uint64_t step) {
  if (topology.schedule.empty()) return topology;
  return topology.schedule[step % topology.schedule.size()];
}

std::span<const Topology> planes_of(const Topology& topology) {
  if (topology.planes.empty()) return {&topology, 1};
  return topology.planes;
}

std::span<const NodeId> neighbors(const Topology& topology, NodeId node) {
  SHOAL_CHECK(node < topology.size(), "neighbors() of a node outside the topology");
  return topology.out[node];
}

std::size_t directed_edges(const Topology& topology) {
  std::size_t count = 0;
  for (const auto& list : topology.out) count += list.size();
  return count;
}

std::size_t max_degree(const Topology& topology) {
  std::size_t degree = 0;
  for (const auto& list : topology.out) degree = std::max(degree, list.size());
  return degree;
}

bool is_symmetric(const Topology& topology) { return topology.out == topology.in; }

bool is_regular(const Topology& topology) {
  for (std::size_t i = 0; i < topology.size(); ++i)
    if (topology.out[i].size() != topology.out[0].size() ||
        topology.in[i].size() != topology.out[0].size())
      return false;
  return true;
}

Status check_connected(const Topology& topology) {
  if (topology.size() == 0) return invalid_argument("a topology needs at least one node");
  const std::vector<NodeId> lost = unreached(breadth_first(topology.out, 0));
  if (!lost.empty())
    return invalid_argument(fmt::format("the {} is not connected: node 0 cannot reach {}",
                                        topology.text(), joined(lost, ", ")));
  const std::vector<NodeId> mute = unreached(breadth_first(topology.in, 0));
  if (!mute.empty())
    return invalid_argument(fmt::format("the {} is not connected: node 0 cannot be reached from {}",
                                        topology.text(), joined(mute, ", ")));
  return ok_status();
}

bool is_connected(const Topology& topology) { return check_connected(topology).ok(); }

Status check_tree(const Topology& topology) {
  const auto no_tree = [&](const std::string& why) {
    return invalid_argument(fmt::format("the {} is no tree: {}", topology.text(), why));
  };
  if (!is_symmetric(topology)) {
    for (NodeId i = 0; i < topology.size(); ++i)
      for (const NodeId j : topology.out[i])
        if (!std::binary_search(topology.out[j].begin(), topology.out[j].end(), i))
          return no_tree(fmt::format("{} sends to {} but not the other way", i, j));
  }
  if (const std::vector<NodeId> cycle = find_cycle(topology); !cycle.empty())
    return no_tree("it has the cycle " + joined(cycle, "-"));
  return check_connected(topology);
}

bool is_tree(const Topology& topology) { return check_tree(topology).ok(); }

std::vector<std::uint32_t> distances(const Topology& topology, NodeId from) {
  SHOAL_CHECK(from < topology.size(), "distances() from a node outside the topology");
  return breadth_first(topology.out, from);
}

Result<std::uint32_t> diameter(const Topology& topology) {
  SHOAL_TRY_STATUS(check_connected(topology));
  std::uint32_t farthest = 0;
  for (NodeId i = 0; i < topology.size(); ++i)
    for (const std::uint32_t hops : breadth_first(topology.out, i))
      farthest = std::max(farthest, hops);
  return farthest;
}

Result<double> relay_mean_delay(const Topology& topology, bool overlapped) {
  std::uint64_t total = 0;
  const std::span<const Topology> planes = planes_of(topology);
  for (const Topology& plane : planes) {
    SHOAL_TRY_STATUS(check_connected(plane));
    for (NodeId i = 0; i < plane.size(); ++i)
      for (const std::uint32_t hops : breadth_first(plane.out, i))
        total += overlapped || hops == 0 ? hops : hops - 1;
  }
  const double pairs = static_cast<double>(topology.size()) * static_cast<double>(topology.size());
  return static_cast<double>(total) / (pairs * static_cast<double>(planes.size()));
}

}  // namespace shoal
