#include "shoal/graph/davis.h"

#include <fmt/format.h>

namespace shoal {
namespace {

constexpr std::size_t kWomen = 18;
constexpr std::size_t kEvents = 14;

const std::vector<std::vector<NodeId>>& attendance() {
  static const std::vector<std::vector<NodeId>> events_of_woman = {
      {1, 2, 3, 4, 5, 6, 8, 9},       // Evelyn
      {1, 2, 3, 5, 6, 7, 8},          // Laura
      {2, 3, 4, 5, 6, 7, 8, 9},       // Theresa
      {1, 3, 4, 5, 6, 7, 8},          // Brenda
      {3, 4, 5, 7},                   // Charlotte
      {3, 5, 6, 8},                   // Frances
      {5, 6, 7, 8},                   // Eleanor
      {6, 8, 9},                      // Pearl
      {5, 7, 8, 9},                   // Ruth
      {7, 8, 9, 12},                  // Verne
      {8, 9, 10, 12},                 // Myra
      {8, 9, 10, 12, 13, 14},         // Katherina
      {7, 8, 9, 10, 12, 13, 14},      // Sylvia
      {6, 7, 9, 10, 11, 12, 13, 14},  // Nora
      {7, 8, 10, 11, 12},             // Helen
      {8, 9},                         // Dorothy
      {9, 11},                        // Olivia
      {9, 11},                        // Flora
  };
  return events_of_woman;
}

}  // namespace

Result<Topology> davis(std::size_t n) {
  if (n != kWomen + kEvents)
    return invalid_argument(
        fmt::format("the davis graph has exactly {} nodes and {} were given", kWomen + kEvents, n));
  std::vector<Edge> edges;
  for (NodeId woman = 0; woman < kWomen; ++woman)
    for (const NodeId event : attendance()[woman])
      edges.emplace_back(woman, static_cast<NodeId>(kWomen + event - 1));
  return undirected_topology("davis", n, edges);
}

}  // namespace shoal
