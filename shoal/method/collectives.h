// Collectives as node programs, for p nodes 0..p-1 and vectors of n elements.
//
// In the alpha-beta model (alpha s a message, beta s a byte, reductions free):
//   ring_all_reduce      2(p-1) alpha + 2 (p-1)/p n beta    each rank sends 2(p-1)/p n
//   binomial_all_reduce  2 ceil(log2 p) (alpha + n beta)    reduce to node 0, then broadcast
//   broadcast            ceil(log2 p) (alpha + n beta)      binomial, from node 0
//   gather_to_root       alpha + (p-1) n beta               all at once into one card
// The two binomial rows are for p = 2^k; for other p they are bounds that the simulated cards stay
// below (tests/collectives_test.cc has their exact time).
// n beta counts the bytes of frames as encoded. Every rank ends with the same bits: a sum is formed
// once, in a fixed order, and copied.
//
// A member that stays silent for patience_s ends the collective with `false`; the vector is then
// of no use. `round` keys the messages and differs between calls of one run.
#pragma once

#include <span>

#include "shoal/node/node.h"

namespace shoal {

template <class Scalar>
Task<bool> ring_all_reduce(Node& node, std::size_t nodes, std::span<Scalar> vector, Step round,
                           double patience_s);

template <class Scalar>
Task<bool> binomial_all_reduce(Node& node, std::size_t nodes, std::span<Scalar> vector, Step round,
                               double patience_s);

template <class Scalar>
Task<bool> broadcast(Node& node, std::size_t nodes, std::span<Scalar> vector, Step round,
                     double patience_s);

// Node 0's vector becomes the sum over all nodes.
template <class Scalar>
Task<bool> gather_to_root(Node& node, std::size_t nodes, std::span<Scalar> vector, Step round,
                          double patience_s);

}  // namespace shoal
