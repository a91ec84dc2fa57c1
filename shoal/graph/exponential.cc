#include "shoal/graph/exponential.h"

#include <bit>

#include "shoal/graph/basic_topologies.h"

namespace shoal {
namespace {

void add_offset(std::size_t n, std::size_t k, std::vector<Edge>& edges) {
  for (std::size_t i = 0; i < n; ++i)
    edges.emplace_back(static_cast<NodeId>(i),
                       static_cast<NodeId>((i + (std::size_t{1} << k)) % n));
}

}  // namespace

std::size_t exponential_offsets(std::size_t n) {
  return static_cast<std::size_t>(std::bit_width(n - 1));
}

Result<Topology> exponential(std::size_t n) {
  SHOAL_TRY_STATUS(check_nodes("exponential graph", n, 2));
  std::vector<Edge> edges;
  for (std::size_t k = 0; k < exponential_offsets(n); ++k) add_offset(n, k, edges);
  return directed_topology("exponential", n, edges);
}

Result<Topology> one_peer_exponential(std::size_t n) {
  SHOAL_TRY(Topology topology, exponential(n));
  topology.name = "one_peer_exponential";
  for (std::size_t k = 0; k < exponential_offsets(n); ++k) {
    std::vector<Edge> edges;
    add_offset(n, k, edges);
    topology.schedule.push_back(directed_topology("one_peer_exponential", n, edges));
  }
  return topology;
}

}  // namespace shoal
