#include "shoal/math/gram.h"

#include <algorithm>

#include "shoal/base/check.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "shoal/math/gram.cc"
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "shoal/math/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace shoal::HWY_NAMESPACE {

// Adds the squared distances of row x to kWidth rows y over one lane block. Four at a time share
// the loads of x.
template <std::size_t kWidth>
HWY_INLINE void distances_of_block(const float* x, const float* const* y, std::size_t n,
                                   double* totals) {
  const FloatTag d;
  FloatVec sums[kWidth][kFloatGroups];
  for (std::size_t w = 0; w < kWidth; ++w)
    for (std::size_t g = 0; g < kFloatGroups; ++g) sums[w][g] = hn::Zero(d);
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (std::size_t g = 0; g < kFloatGroups; ++g) {
      const FloatVec mine = hn::LoadU(d, x + i + g * kFloatStep);
      for (std::size_t w = 0; w < kWidth; ++w) {
        const FloatVec difference = hn::Sub(mine, hn::LoadU(d, y[w] + i + g * kFloatStep));
        sums[w][g] = hn::Add(sums[w][g], hn::Mul(difference, difference));
      }
    }
  }
  for (std::size_t w = 0; w < kWidth; ++w) {
    float lanes[kLanes];
    for (std::size_t g = 0; g < kFloatGroups; ++g)
      hn::StoreU(sums[w][g], d, lanes + g * kFloatStep);
    for (std::size_t at = i, lane = 0; at < n; ++at, ++lane) {
      const float difference = x[at] - y[w][at];
      lanes[lane] += difference * difference;
    }
    totals[w] += static_cast<double>(fold_lanes(lanes));
  }
}

// totals[j] += ||x - y_j||^2 over at most kLaneBlock coordinates.
void distances_kernel(const float* x, const float* const* y, std::size_t count, std::size_t n,
                      double* totals) {
  std::size_t j = 0;
  for (; j + 4 <= count; j += 4) distances_of_block<4>(x, y + j, n, totals + j);
  for (; j < count; ++j) distances_of_block<1>(x, y + j, n, totals + j);
}

// Adds <x, y_w> over one lane block with double lanes. The product of two floats is exact in
// double, so a fused multiply-add rounds as a multiplication and an addition would.
template <std::size_t kWidth>
HWY_INLINE void products_of_block(const float* x, const float* const* y, std::size_t n,
                                  double* totals) {
  const DoubleTag d;
  DoubleVec sums[kWidth][kDoubleGroups];
  for (std::size_t w = 0; w < kWidth; ++w)
    for (std::size_t g = 0; g < kDoubleGroups; ++g) sums[w][g] = hn::Zero(d);
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (std::size_t g = 0; g < kDoubleGroups; ++g) {
      const DoubleVec mine = load_as_double(x + i + g * kDoubleStep);
      for (std::size_t w = 0; w < kWidth; ++w)
        sums[w][g] = hn::MulAdd(mine, load_as_double(y[w] + i + g * kDoubleStep), sums[w][g]);
    }
  }
  for (std::size_t w = 0; w < kWidth; ++w) {
    double lanes[kLanes];
    for (std::size_t g = 0; g < kDoubleGroups; ++g)
      hn::StoreU(sums[w][g], d, lanes + g * kDoubleStep);
    for (std::size_t at = i, lane = 0; at < n; ++at, ++lane)
      lanes[lane] += static_cast<double>(x[at]) * static_cast<double>(y[w][at]);
    totals[w] += fold_lanes(lanes);
  }
}

// As many rows at a time as leave registers to spare: 16 with AVX2, 32 with AVX-512.
inline constexpr std::size_t kProductsWide = kDoubleGroups <= 2 ? 4 : 2;

// totals[j] += <x, y_j>.
void products_kernel(const float* x, const float* const* y, std::size_t count, std::size_t n,
                     double* totals) {
  std::size_t j = 0;
  for (; j + kProductsWide <= count; j += kProductsWide)
    products_of_block<kProductsWide>(x, y + j, n, totals + j);
  for (; j < count; ++j) products_of_block<1>(x, y + j, n, totals + j);
}

}  // namespace shoal::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace shoal {

HWY_EXPORT(distances_kernel);
HWY_EXPORT(products_kernel);

namespace {

constexpr std::size_t kBlock = 1024;        // coordinates whose rows are in cache together
constexpr std::size_t kSuperBlock = 16384;  // coordinates of one job
constexpr std::size_t kWave = 64;           // super-blocks whose partial results are held at once

using Pointers = std::vector<const float*>;

// Adds one block of coordinates to the upper triangle.
using AddBlock = void (*)(const Pointers& rows, std::size_t count, double* upper);

void add_distances(const Pointers& rows, std::size_t count, double* upper) {
  const std::size_t n = rows.size();
  for (std::size_t i = 0; i + 1 < n; ++i) HWY_DYNAMIC_DISPATCH(distances_kernel)
  (rows[i], rows.data() + i + 1, n - i - 1, count, upper + i * n + i + 1);
}

void add_products(const Pointers& rows, std::size_t count, double* upper) {
  const std::size_t n = rows.size();
  for (std::size_t i = 0; i < n; ++i) HWY_DYNAMIC_DISPATCH(products_kernel)
  (rows[i], rows.data() + i, n - i, count, upper + i * n + i);
}

// One super-block; rows are taken relative to `reference` when there is one.
void add_super_block(std::span<const Row> rows, Row reference, std::size_t begin, std::size_t end,
                     AddBlock add_block, double* upper) {
  std::vector<float> centred(reference.empty() ? 0 : rows.size() * kBlock);
  Pointers pointers(rows.size());
  for (std::size_t at = begin; at < end; at += kBlock) {
    const std::size_t count = std::min(kBlock, end - at);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      pointers[i] = rows[i].data() + at;
      if (reference.empty()) continue;
      float* row = centred.data() + i * kBlock;
      for (std::size_t c = 0; c < count; ++c) row[c] = rows[i][at + c] - reference[at + c];
      pointers[i] = row;
    }
    add_block(pointers, count, upper);
  }
}

PairMatrix pair_matrix(std::span<const Row> rows, Row reference, ThreadPool* pool,
                       AddBlock add_block) {
  const std::size_t n = rows.size();
  const std::size_t dimension = n == 0 ? 0 : rows.front().size();
  for (const Row row : rows) SHOAL_CHECK(row.size() == dimension, "rows have equal length");
  PairMatrix result{n, std::vector<double>(n * n, 0.0)};
  const std::size_t super_blocks = (dimension + kSuperBlock - 1) / kSuperBlock;
  for (std::size_t first = 0; first < super_blocks; first += kWave) {
    const std::size_t wave = std::min(kWave, super_blocks - first);
    std::vector<double> partial(wave * n * n, 0.0);
    const auto job = [&](std::size_t k) {
      const std::size_t begin = (first + k) * kSuperBlock;
      add_super_block(rows, reference, begin, std::min(dimension, begin + kSuperBlock), add_block,
                      partial.data() + k * n * n);
    };
    if (pool) {
      pool->parallel_for(wave, job);
    } else {
      for (std::size_t k = 0; k < wave; ++k) job(k);
    }
    for (std::size_t k = 0; k < wave; ++k)
      for (std::size_t p = 0; p < n * n; ++p) result.values[p] += partial[k * n * n + p];
  }
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < i; ++j) result.values[i * n + j] = result.values[j * n + i];
  return result;
}

}  // namespace

PairMatrix squared_distances(std::span<const Row> rows, ThreadPool* pool) {
  return pair_matrix(rows, {}, pool, &add_distances);
}

PairMatrix gram_matrix(std::span<const Row> rows, Row reference, ThreadPool* pool) {
  if (!rows.empty())
    SHOAL_CHECK(reference.size() == rows.front().size(), "the reference is as long as the rows");
  return pair_matrix(rows, reference, pool, &add_products);
}

PairMatrix gram_matrix(std::span<const Row> rows, ThreadPool* pool) {
  return pair_matrix(rows, {}, pool, &add_products);
}

std::vector<double> squared_distances_to(std::span<const Row> rows, Row point, ThreadPool* pool) {
  const std::size_t n = rows.size();
  for (const Row row : rows)
    SHOAL_CHECK(row.size() == point.size(), "the point is as long as the rows");
  const std::size_t blocks = (point.size() + kSuperBlock - 1) / kSuperBlock;
  std::vector<double> partial(blocks * n);
  const auto job = [&](std::size_t k) {
    const std::size_t begin = k * kSuperBlock;
    const std::size_t count = std::min(kSuperBlock, point.size() - begin);
    for (std::size_t i = 0; i < n; ++i)
      partial[k * n + i] =
          squared_distance(rows[i].subspan(begin, count), point.subspan(begin, count));
  };
  if (pool) {
    pool->parallel_for(blocks, job);
  } else {
    for (std::size_t k = 0; k < blocks; ++k) job(k);
  }
  std::vector<double> distances(n, 0.0);
  for (std::size_t k = 0; k < blocks; ++k)
    for (std::size_t i = 0; i < n; ++i) distances[i] += partial[k * n + i];
  return distances;
}

}  // namespace shoal
#endif  // HWY_ONCE
