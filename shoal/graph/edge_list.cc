#include "shoal/graph/edge_list.h"

#include <charconv>
#include <fmt/format.h>
#include <set>

#include "shoal/graph/basic_topologies.h"

namespace shoal {
namespace {

struct ParsedEdge {
  NodeId from = 0;
  NodeId to = 0;
  bool both_ways = false;
};

Result<ParsedEdge> parse_edge(const std::string& text) {
  ParsedEdge edge;
  const char* end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, edge.from);
  if (first.ec == std::errc() && first.ptr != end && (*first.ptr == '-' || *first.ptr == '>')) {
    edge.both_ways = *first.ptr == '-';
    const auto second = std::from_chars(first.ptr + 1, end, edge.to);
    if (second.ec == std::errc() && second.ptr == end) return edge;
  }
  return invalid_argument(fmt::format("'{}' is no edge; write \"0-1\" or \"0>1\"", text));
}

}  // namespace

void describe(Settings& s, EdgeListSettings& v) {
  s.texts("edges", v.edges, "\"0-1\" joins both ways, \"0>1\" only sends from 0 to 1");
}

Result<Topology> edge_list(std::size_t n, const EdgeListSettings& settings) {
  SHOAL_TRY_STATUS(check_nodes("list of edges", n, 2));
  std::set<Edge> edges;
  for (const std::string& text : settings.edges) {
    SHOAL_TRY(const ParsedEdge edge, parse_edge(text));
    if (edge.from >= n || edge.to >= n)
      return invalid_argument(fmt::format("edge '{}' leaves the nodes 0 to {}", text, n - 1));
    if (edge.from == edge.to)
      return invalid_argument(fmt::format("edge '{}' joins a node with itself", text));
    bool fresh = edges.insert({edge.from, edge.to}).second;
    if (edge.both_ways) fresh = edges.insert({edge.to, edge.from}).second && fresh;
    if (!fresh) return invalid_argument(fmt::format("edge '{}' is given twice", text));
  }
  Topology topology =
      directed_topology("list of edges", n, std::vector<Edge>(edges.begin(), edges.end()));
  SHOAL_TRY_STATUS(check_connected(topology));
  return topology;
}

}  // namespace shoal
