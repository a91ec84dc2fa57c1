#include "shoal/graph/basic_topologies.h"

#include <bit>
#include <fmt/format.h>

namespace shoal {
namespace {

constexpr std::size_t kSmallestTorusSide = 3;

NodeId id(std::size_t index) { return static_cast<NodeId>(index); }

}  // namespace

Status check_nodes(const char* name, std::size_t n, std::size_t smallest) {
  if (n < smallest)
    return invalid_argument(
        fmt::format("a {} needs at least {} nodes and {} were given", name, smallest, n));
  if (n > kMaxDirectedEdges)
    return limit_exceeded(fmt::format("a {} may have at most {} nodes and {} were given", name,
                                      kMaxDirectedEdges, n));
  return ok_status();
}

Result<Topology> ring(std::size_t n) {
  SHOAL_TRY_STATUS(check_nodes("ring", n, 3));
  std::vector<Edge> edges;
  for (std::size_t i = 0; i < n; ++i) edges.emplace_back(id(i), id((i + 1) % n));
  return undirected_topology("ring", n, edges);
}

Result<Topology> chain(std::size_t n) {
  SHOAL_TRY_STATUS(check_nodes("chain", n, 2));
  std::vector<Edge> edges;
  for (std::size_t i = 0; i + 1 < n; ++i) edges.emplace_back(id(i), id(i + 1));
  return undirected_topology("chain", n, edges);
}

Result<Topology> star(std::size_t n) {
  SHOAL_TRY_STATUS(check_nodes("star", n, 2));
  std::vector<Edge> edges;
  for (std::size_t i = 1; i < n; ++i) edges.emplace_back(0, id(i));
  return undirected_topology("star", n, edges);
}

Result<Topology> complete(std::size_t n) {
  SHOAL_TRY_STATUS(check_nodes("complete", n, 2));
  if (n > kMaxDirectedEdges / n)
    return limit_exceeded(
        fmt::format("a complete graph of {} nodes has more than {} directed "
                    "edges; use a sparse topology",
                    n, kMaxDirectedEdges));
  std::vector<Edge> edges;
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = i + 1; j < n; ++j) edges.emplace_back(id(i), id(j));
  return undirected_topology("complete", n, edges);
}

Result<Topology> hypercube(std::size_t n) {
  SHOAL_TRY_STATUS(check_nodes("hypercube", n, 2));
  if (!std::has_single_bit(n))
    return invalid_argument(
        fmt::format("a hypercube needs a power of two nodes and {} were given; "
                    "the nearest are {} and {}",
                    n, std::bit_floor(n), std::bit_ceil(n)));
  std::vector<Edge> edges;
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t bit = 1; bit < n; bit <<= 1)
      if ((i & bit) == 0) edges.emplace_back(id(i), id(i | bit));
  return undirected_topology("hypercube", n, edges);
}

void describe(Settings& s, TorusSettings& v) {
  s.integer("rows", v.rows, "rows of the torus; 0 takes the most nearly square shape",
            {.range = at_least(0)});
}

Result<Topology> torus(std::size_t n, const TorusSettings& settings) {
  SHOAL_TRY_STATUS(check_nodes("torus", n, kSmallestTorusSide * kSmallestTorusSide));
  std::size_t rows = static_cast<std::size_t>(settings.rows);
  if (rows == 0) {
    for (std::size_t side = kSmallestTorusSide; side * side <= n; ++side)
      if (n % side == 0) rows = side;
    if (rows == 0)
      return invalid_argument(
          fmt::format("{} nodes make no torus: {} is no product of two sides "
                      "of at least 3",
                      n, n));
  }
  const std::size_t columns = n / rows;
  if (rows * columns != n || rows < kSmallestTorusSide || columns < kSmallestTorusSide)
    return invalid_argument(
        fmt::format("a torus of {} nodes with rows = {} is no grid with sides "
                    "of at least 3 (a side of 2 would double its edges)",
                    n, rows));
  std::vector<Edge> edges;
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < columns; ++c) {
      edges.emplace_back(id(r * columns + c), id(r * columns + (c + 1) % columns));
      edges.emplace_back(id(r * columns + c), id((r + 1) % rows * columns + c));
    }
  }
  return undirected_topology("torus", n, edges);
}

}  // namespace shoal
