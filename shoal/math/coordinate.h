// Coordinate-wise order statistics of n rows: the one kernel behind median, trimmed mean, mean
// around median, Phocas and Bulyan.
//
// A block of coordinates is sorted across the rows by a network (sorting_network.h): a
// compare-exchange is one SIMD min and one max over many coordinates, without a branch. Above
// kNetworkRows rows each coordinate is selected on its own. O(n log^2 n) min/max pairs per
// coordinate.
//
// Values must be finite (min and max would lose or double a NaN); -0 counts and comes out as +0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "shoal/base/thread_pool.h"
#include "shoal/math/vector.h"

namespace shoal {

inline constexpr std::size_t kNetworkRows = 512;

// A block of coordinates begin..begin+count-1, sorted: the value of rank r (0 the smallest) at
// coordinate begin + c is values[r * stride + c]. Only the ranks asked for are valid.
struct SortedBlock {
  std::size_t begin = 0;
  std::size_t count = 0;
  std::size_t stride = 0;
  const float* values = nullptr;

  const float* rank(std::size_t r) const { return values + r * stride; }
};

// Calls visit once per block, in no order and from several threads when a pool is given; blocks do
// not overlap. 0 <= first_rank <= last_rank < n.
void for_each_sorted_block(std::span<const Row> rows, std::size_t first_rank, std::size_t last_rank,
                           const std::function<void(const SortedBlock&)>& visit,
                           ThreadPool* pool = nullptr);

// The middle value, or the mean of the two middle ones, rounded once. At least one row.
void coordinate_median(std::span<const Row> rows, std::span<float> out, ThreadPool* pool = nullptr);
// The mean of what is left without the `trim` smallest and `trim` largest values, summed in double
// in increasing order; 2 trim < n.
void coordinate_trimmed_mean(std::span<const Row> rows, std::size_t trim, std::span<float> out,
                             ThreadPool* pool = nullptr);

// The mean of the n - dropped values of every coordinate nearest to a centre; dropped < n. They are
// neighbours in the sorted column: the window of that length moves up while u_high - c < c - u_low
// in double, so of two values equally far the lower stays. Summed in double in increasing order.
//
// Mean around the median (Xie et al. 2018, 1802.10116): the centre is the median, not rounded.
void coordinate_mean_around_median(std::span<const Row> rows, std::size_t dropped,
                                   std::span<float> out, ThreadPool* pool = nullptr);
// Phocas (Xie et al. 2018, 1805.09682): drops `trim` values far from the mean without the `trim`
// smallest and largest, in double, and so may keep what that mean left out; 2 trim < n.
void coordinate_phocas(std::span<const Row> rows, std::size_t trim, std::span<float> out,
                       ThreadPool* pool = nullptr);

}  // namespace shoal
