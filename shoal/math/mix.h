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

// out[s], as long as the rows, becomes the mean of rows[i], i in subsets[s], which holds at least
// one row number, each once (checked), in any order.
//
// Per coordinate, in double: the members among each four rows 4g..4g+3 are added up in increasing
// order, then these sums in increasing g, times 1/size, rounded once. A sum of up to four rows that
// several subsets share is made once, so n subsets of n rows cost about n^2/4 additions per
// coordinate and not n^2. Nothing is ever subtracted: what a liar sent is not in the means that
// leave it out. Same bits on any target and thread count.
void mean_of_subsets(std::span<const Row> rows,
                     const std::vector<std::vector<std::uint32_t>>& subsets,
                     std::span<const std::span<float>> out, ThreadPool* pool = nullptr);

// weighted_sum (vector.h) with its coordinates shared among the pool's threads: the same bits.
void mix_rows(std::span<const Row> rows, std::span<const double> weights, std::span<float> out,
              ThreadPool* pool = nullptr);
// mean_of_rows (vector.h), shared likewise.
void mix_equally(std::span<const Row> rows, std::span<float> out, ThreadPool* pool = nullptr);

}  // namespace shoal
