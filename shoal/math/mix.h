// Mixtures of rows: means of subsets, which nearest-neighbour mixing and bucketing send to the next
// rule, and one weighted sum.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "shoal/base/thread_pool.h"
#include "shoal/math/vector.h"

namespace shoal {

// out holds subsets.size() rows, one after another: row s is the mean of rows[i], i in subsets[s],
// summed per coordinate in double in the subset's order, times 1/size, rounded once. No subset is
// empty. A block of coordinates is widened to double once and then only added: d * (sum of subset
// sizes) additions. Same bits on any target and thread count.
void mean_of_subsets(std::span<const Row> rows,
                     const std::vector<std::vector<std::uint32_t>>& subsets, std::span<float> out,
                     ThreadPool* pool = nullptr);

// weighted_sum (vector.h) with its coordinates shared among the pool's threads: the same bits.
void mix_rows(std::span<const Row> rows, std::span<const double> weights, std::span<float> out,
              ThreadPool* pool = nullptr);

}  // namespace shoal
