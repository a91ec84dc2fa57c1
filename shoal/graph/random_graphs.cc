#include "shoal/graph/random_graphs.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <optional>
#include <set>

#include "shoal/base/portable_math.h"
#include "shoal/base/random.h"
#include "shoal/graph/basic_topologies.h"

namespace shoal {
namespace {

// Every pair (i, j), i < j, with probability p, by jumping from one drawn pair to the next
// (Batagelj and Brandes 2005): O(n + edges).
std::vector<Edge> draw_pairs(std::size_t n, double p, RandomStream& stream) {
  std::vector<Edge> edges;
  const double log_miss = p < 1.0 ? portable_log(1.0 - p) : 0.0;
  std::size_t low = 0, high = 1;  // the next pair to consider
  while (high < n) {
    if (p < 1.0) {
      const double jump = std::floor(portable_log(stream.uniform_positive()) / log_miss);
      if (jump >= static_cast<double>(n) * static_cast<double>(n)) return edges;
      low += static_cast<std::size_t>(jump);
    }
    while (high < n && low >= high) {
      low -= high;
      ++high;
    }
    if (high < n) edges.emplace_back(static_cast<NodeId>(low), static_cast<NodeId>(high));
    ++low;
    while (high < n && low >= high) {
      low -= high;
      ++high;
    }
  }
  return edges;
}

// One attempt at a simple `degree`-regular graph; nothing when the free ends left cannot be joined.
std::optional<std::vector<Edge>> draw_regular(std::size_t n, std::size_t degree,
                                              RandomStream& stream) {
  std::vector<NodeId> ends;  // every node `degree` times
  for (std::size_t i = 0; i < n; ++i) ends.insert(ends.end(), degree, static_cast<NodeId>(i));
  std::set<Edge> joined;
  while (!ends.empty()) {
    stream.shuffle(std::span<NodeId>(ends));
    std::vector<NodeId> left;
    for (std::size_t i = 0; i < ends.size(); i += 2) {
      const Edge edge = std::minmax(ends[i], ends[i + 1]);
      if (edge.first == edge.second || !joined.insert(edge).second)
        left.insert(left.end(), {ends[i], ends[i + 1]});
    }
    if (left.size() == ends.size()) return std::nullopt;
    ends = std::move(left);
  }
  return std::vector<Edge>(joined.begin(), joined.end());
}

Error never_connected(const std::string& what) {
  return invalid_argument(
      fmt::format("{} was not connected in any of {} draws; make it denser", what, kMaxGraphDraws));
}

}  // namespace

void describe(Settings& s, ErdosRenyiSettings& v) {
  s.real("p", v.p, "probability that two nodes are joined", {.range = above(0).up_to(1)});
}

Result<Topology> erdos_renyi(std::size_t n, std::uint64_t seed,
                             const ErdosRenyiSettings& settings) {
  SHOAL_TRY_STATUS(check_nodes("random graph", n, 2));
  if (settings.p * static_cast<double>(n) * static_cast<double>(n) > kMaxDirectedEdges)
    return limit_exceeded(
        fmt::format("erdos_renyi with p = {} over {} nodes has more than {} "
                    "directed edges; lower p",
                    settings.p, n, kMaxDirectedEdges));
  for (std::uint32_t draw = 0; draw < kMaxGraphDraws; ++draw) {
    RandomStream stream(seed, purpose("erdos_renyi"), 0, draw);
    Topology topology = undirected_topology("erdos_renyi", n, draw_pairs(n, settings.p, stream));
    if (is_connected(topology)) return topology;
  }
  return never_connected(fmt::format("erdos_renyi with p = {} over {} nodes", settings.p, n));
}

void describe(Settings& s, RandomRegularSettings& v) {
  s.integer("degree", v.degree, "neighbours of every node", {.range = at_least(1)});
}

Result<Topology> random_regular(std::size_t n, std::uint64_t seed,
                                const RandomRegularSettings& settings) {
  SHOAL_TRY_STATUS(check_nodes("random regular graph", n, 2));
  const std::size_t degree = static_cast<std::size_t>(settings.degree);
  if (degree >= n)
    return invalid_argument(
        fmt::format("random_regular needs degree < n and has degree = {}, "
                    "n = {}",
                    degree, n));
  if (n * degree % 2 != 0)
    return invalid_argument(
        fmt::format("random_regular needs n * degree even and has {} * {}", n, degree));
  if (n > kMaxDirectedEdges / degree)
    return limit_exceeded(
        fmt::format("random_regular of degree {} over {} nodes has more than {} "
                    "directed edges",
                    degree, n, kMaxDirectedEdges));
  for (std::uint32_t draw = 0; draw < kMaxGraphDraws; ++draw) {
    RandomStream stream(seed, purpose("random_regular"), 0, draw);
    const std::optional<std::vector<Edge>> edges = draw_regular(n, degree, stream);
    if (!edges) continue;
    Topology topology = undirected_topology("random_regular", n, *edges);
    if (is_connected(topology)) return topology;
  }
  return never_connected(fmt::format("random_regular of degree {} over {} nodes", degree, n));
}

void describe(Settings& s, RandomMatchingSettings& v) {
  s.integer("matchings", v.matchings, "matchings drawn, used one a step and then again",
            {.range = at_least(1).up_to(100000)});
}

Result<Topology> random_matching(std::size_t n, std::uint64_t seed,
                                 const RandomMatchingSettings& settings) {
  SHOAL_TRY_STATUS(check_nodes("random matching", n, 2));
  if (n % 2 != 0)
    return invalid_argument(
        fmt::format("random_matching needs an even number of nodes and {} were "
                    "given",
                    n));
  const std::size_t matchings = static_cast<std::size_t>(settings.matchings);
  if (n > kMaxDirectedEdges / matchings)
    return limit_exceeded(fmt::format("{} matchings of {} nodes have more than {} directed edges",
                                      matchings, n, kMaxDirectedEdges));
  for (std::uint32_t draw = 0; draw < kMaxGraphDraws; ++draw) {
    RandomStream stream(seed, purpose("random_matching"), 0, draw);
    std::vector<Topology> schedule;
    std::vector<Edge> all;
    for (std::size_t t = 0; t < matchings; ++t) {
      const std::vector<std::uint32_t> order = stream.permutation(n);
      std::vector<Edge> edges;
      for (std::size_t i = 0; i < n; i += 2) edges.emplace_back(order[i], order[i + 1]);
      all.insert(all.end(), edges.begin(), edges.end());
      schedule.push_back(undirected_topology("random_matching", n, edges));
    }
    Topology topology = undirected_topology("random_matching", n, all);
    topology.schedule = std::move(schedule);
    if (is_connected(topology)) return topology;
  }
  return never_connected(fmt::format("the union of {} random matchings of {} nodes", matchings, n));
}

}  // namespace shoal
