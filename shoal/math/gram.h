// Pairwise geometry of n rows: what Krum, Bulyan, NNM, the geometric median and Flag share.
// O(n^2 d) work, blocked so that the rows of a block stay in cache, with one partial result per
// super-block of coordinates added in order: the same bits on any target and thread count.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "shoal/base/thread_pool.h"
#include "shoal/math/vector.h"

namespace shoal {

// A symmetric n x n matrix of doubles, row-major.
struct PairMatrix {
  std::size_t n = 0;
  std::vector<double> values;

  double at(std::size_t i, std::size_t j) const { return values[i * n + j]; }
};

// D_ij = ||x_i - x_j||^2 from the differences themselves, never from norms: a liar's huge row
// cannot drown the distances between honest ones. Float lanes within 1024 coordinates, double
// totals; entries beyond the float range are +infinity, equal rows give exactly 0. The rows are
// finite and of equal length. `pool` may be null.
PairMatrix squared_distances(std::span<const Row> rows, ThreadPool* pool = nullptr);

// K_ij = <x_i - r, x_j - r>, differences rounded to float, products and sums in double. Choose a
// reference no liar controls: a huge one costs the honest rows their digits.
PairMatrix gram_matrix(std::span<const Row> rows, Row reference, ThreadPool* pool = nullptr);
// K_ij = <x_i, x_j>: exact products, sums in double. Zero is a reference no liar controls, and the
// distance of two rows comes out of K within about 2^-52 (norm / distance)^2 of itself: all that
// float rows can carry.
PairMatrix gram_matrix(std::span<const Row> rows, ThreadPool* pool = nullptr);

// ||x_i - p||^2 in double; the point is read once a block of coordinates. O(n d).
std::vector<double> squared_distances_to(std::span<const Row> rows, Row point,
                                         ThreadPool* pool = nullptr);

}  // namespace shoal
