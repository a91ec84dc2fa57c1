// Topology: who may send to whom.
//
// A topology is a directed graph without self-loops, kept as sorted adjacency lists; an undirected
// one simply holds both directions. Two shapes go beyond a single graph, and then `out` and `in`
// hold the union, so that "who talks to whom at all" has one answer everywhere:
//
//   planes    the parameter vector is split and each part travels on its own graph (double binary
//             trees: even coordinates on plane 0, odd ones on plane 1);
//   schedule  the graph changes with the step, schedule[step mod size] (one-peer exponential).
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "shoal/base/result.h"

namespace shoal {

using NodeId = std::uint32_t;
using Edge = std::pair<NodeId, NodeId>;

// Builders refuse graphs with more directed edges than this (1 GiB of adjacency lists).
inline constexpr std::size_t kMaxDirectedEdges = std::size_t{1} << 27;

struct Topology {
  std::string name;                      // "ring"
  std::vector<std::vector<NodeId>> out;  // out[i]: whom i sends to, increasing
  std::vector<std::vector<NodeId>> in;   // in[i]: whom i hears, increasing
  std::vector<Topology> planes;          // empty, or the parts of a split vector
  std::vector<Topology> schedule;        // empty, or one graph per step of a period

  std::size_t size() const { return out.size(); }
  // "ring of 16", as errors call it.
  std::string text() const;
};

// Builds the adjacency lists from edges, in any order; a repeated edge counts once. Both ends must
// be below n and differ (checked: the callers are builders of this room).
Topology undirected_topology(std::string name, std::size_t n, const std::vector<Edge>& edges);
Topology directed_topology(std::string name, std::size_t n, const std::vector<Edge>& edges);

// The graph of one step (itself, for a topology without a schedule).
const Topology& at_step(const Topology& topology, std::uint64_t step);
// The planes (itself alone, for a topology without planes).
std::span<const Topology> planes_of(const Topology& topology);

// Whom `node` sends to; in an undirected topology, its neighbours.
std::span<const NodeId> neighbors(const Topology& topology, NodeId node);
std::size_t directed_edges(const Topology& topology);
std::size_t max_degree(const Topology& topology);  // the largest out-degree

bool is_symmetric(const Topology& topology);
// Every node sends to and hears the same number of others.
bool is_regular(const Topology& topology);
// Every node reaches every other. The error lists nodes that cannot be reached or cannot answer.
Status check_connected(const Topology& topology);
bool is_connected(const Topology& topology);
// Symmetric, connected and free of cycles. The error names the cycle's or the component's nodes:
// "the ring of 4 is no tree: it has the cycle 0-1-2-3-0".
Status check_tree(const Topology& topology);
bool is_tree(const Topology& topology);

inline constexpr std::uint32_t kUnreachable = std::numeric_limits<std::uint32_t>::max();
// Hops from `from` to every node along out-edges; kUnreachable where there is no path.
std::vector<std::uint32_t> distances(const Topology& topology, NodeId from);
// The largest distance; an error when the topology is not connected.
Result<std::uint32_t> diameter(const Topology& topology);

// Mean delay of RelaySum (2110.04175) over all n^2 ordered pairs, i = j included: the value of j
// reaches i after max(hops - 1, 0) steps, or after `hops` when messages overlap with computation.
// A unit step by all workers ends as 1/(1 + mean delay). With planes, the mean over the planes.
Result<double> relay_mean_delay(const Topology& topology, bool overlapped = false);

}  // namespace shoal
