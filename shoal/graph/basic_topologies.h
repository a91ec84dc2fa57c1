// The graphs every decentralised paper compares on. Undirected; degree and diameter say what a step
// costs and how far a value travels: a message is 4d bytes per directed edge.
//
//   ring       degree 2          diameter floor(n/2)    spectral gap O(1/n^2)
//   chain      degree <= 2       diameter n-1           gap O(1/n^2)
//   star       hub 0             diameter 2             gap 1/n
//   complete   degree n-1        diameter 1             gap 1
//   torus      degree 4          diameter O(sqrt n)     gap O(1/n)
//   hypercube  degree log2 n     diameter log2 n        gap 2/(1 + log2 n)
#pragma once

#include "shoal/base/settings.h"
#include "shoal/graph/topology.h"

namespace shoal {

Result<Topology> ring(std::size_t n);       // n >= 3: two nodes would share a double edge
Result<Topology> chain(std::size_t n);      // n >= 2
Result<Topology> star(std::size_t n);       // n >= 2
Result<Topology> complete(std::size_t n);   // n >= 2
Result<Topology> hypercube(std::size_t n);  // n = 2^k >= 2

struct TorusSettings {
  std::int64_t rows = 0;
};
void describe(Settings& s, TorusSettings& v);
// rows x (n / rows), both at least 3; node r * columns + c. With rows = 0, the most nearly square
// factorisation with rows <= columns.
Result<Topology> torus(std::size_t n, const TorusSettings& settings);

// n below the smallest that makes sense: "a ring needs at least 3 nodes, this one has 2".
Status check_nodes(const char* name, std::size_t n, std::size_t smallest);

}  // namespace shoal
