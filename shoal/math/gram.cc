#include "shoal/math/gram.h"

#include <algorithm>
#include <hwy/aligned_allocator.h>

#include "shoal/base/check.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "shoal/math/gram.cc"
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "shoal/math/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace shoal::HWY_NAMESPACE {

// Adds the squared distances of row x to kWidth rows y over one lane block. Four at a time share
// the loads of x. Meanwhile it asks memory for what is `ahead` floats further on in row x.
template <std::size_t kWidth>
HWY_INLINE void distances_of_block(const float* x, const float* const* y, std::size_t n,
                                   std::size_t ahead, double* totals) {
  const FloatTag d;
  FloatVec sums[kWidth][kFloatGroups];
  for (std::size_t w = 0; w < kWidth; ++w)
    for (std::size_t g = 0; g < kFloatGroups; ++g) sums[w][g] = hn::Zero(d);
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    if (ahead > 0) hwy::Prefetch(x + ahead + i);
    for (std::size_t g = 0; g < kFloatGroups; ++g) {
      const FloatVec mine = hn::LoadU(d, x + i + g * kFloatStep);
      for (std::size_t w = 0; w < kWidth; ++w) {
        const FloatVec difference = hn::Sub(mine, hn::LoadU(d, y[w] + i + g * kFloatStep));
        sums[w][g] = hn::Add(sums[w][g], hn::Mul(difference, difference));
      }
    }
  }
  for (std::size_t w = 0; w < kWidth; ++w) {
    if (i == n) {
      totals[w] += static_cast<double>(fold_groups(sums[w]));
      continue;
    }
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
                      std::size_t ahead, double* totals) {
  std::size_t j = 0;
  for (; j + 4 <= count; j += 4, ahead = 0) distances_of_block<4>(x, y + j, n, ahead, totals + j);
  switch (count - j) {
    case 3:
      return distances_of_block<3>(x, y + j, n, ahead, totals + j);
    case 2:
      return distances_of_block<2>(x, y + j, n, ahead, totals + j);
    case 1:
      return distances_of_block<1>(x, y + j, n, ahead, totals + j);
    default:
      return;
  }
}

// A tile of products: kTileRows rows with kTileColumns others, so that every load serves several.
inline constexpr std::size_t kTileRows = 3;
inline constexpr std::size_t kTileColumns = 4;
inline constexpr std::size_t kTileLanes = kTileRows * kTileColumns * kLanes;

// Doubles of scratch that n rows' tiles take.
std::size_t tile_lanes_kernel(std::size_t n) {
  std::size_t tiles = 0;
  for (std::size_t i = 0; i < n; i += kTileRows) tiles += (n - i + kTileColumns - 1) / kTileColumns;
  return tiles * kTileLanes;
}

// Widens `count` floats, zeros after them, to `chunks` chunks of 16 doubles. The lanes that share a
// register lie one after another, one such group of all rows before the next.
void spread_kernel(const float* row, std::size_t count, std::size_t chunks, std::size_t place,
                   std::size_t rows, double* to) {
  const DoubleTag d;
  for (std::size_t i = 0; i < chunks; ++i) {
    float padded[kLanes] = {};
    const float* from = row + i * kLanes;
    if ((i + 1) * kLanes > count) {
      for (std::size_t lane = 0; i * kLanes + lane < count; ++lane) padded[lane] = from[lane];
      from = padded;
    }
    for (std::size_t g = 0; g < kDoubleGroups; ++g)
      hn::StoreU(load_as_double(from + g * kDoubleStep), d,
                 to + ((g * rows + place) * chunks + i) * kDoubleStep);
  }
}

// Adds the products of one group of lanes of a tile. A product of two floats is exact in double, so
// a fused multiply-add rounds as a multiplication and an addition would.
HWY_INLINE void products_of_tile(const double* const* x, const double* const* y, std::size_t chunks,
                                 double* lanes) {
  const DoubleTag d;
  DoubleVec sums[kTileRows][kTileColumns];
  for (std::size_t r = 0; r < kTileRows; ++r)
    for (std::size_t c = 0; c < kTileColumns; ++c)
      sums[r][c] = hn::LoadU(d, lanes + (r * kTileColumns + c) * kLanes);
  for (std::size_t i = 0; i < chunks * kDoubleStep; i += kDoubleStep) {
    DoubleVec mine[kTileRows];
    for (std::size_t r = 0; r < kTileRows; ++r) mine[r] = hn::LoadU(d, x[r] + i);
    for (std::size_t c = 0; c < kTileColumns; ++c) {
      const DoubleVec other = hn::LoadU(d, y[c] + i);
      for (std::size_t r = 0; r < kTileRows; ++r)
        sums[r][c] = hn::MulAdd(mine[r], other, sums[r][c]);
    }
  }
  for (std::size_t r = 0; r < kTileRows; ++r)
    for (std::size_t c = 0; c < kTileColumns; ++c)
      hn::StoreU(sums[r][c], d, lanes + (r * kTileColumns + c) * kLanes);
}

// Adds a block of n spread rows to the lanes of all tiles of the upper triangle, row of tiles by
// row. Places past the last row repeat it. Meanwhile it asks memory for the next block, `ahead`
// floats from each row of `next`: otherwise loading takes half as long as multiplying.
void products_kernel(const double* spread, std::size_t n, std::size_t chunks,
                     const float* const* next, std::size_t ahead, double* lanes) {
  ReadAhead read_ahead(next, n, ahead, tile_lanes_kernel(n) / kTileLanes * kDoubleGroups);
  const std::size_t stride = chunks * kDoubleStep;
  const double* x[kTileRows];
  const double* y[kTileColumns];
  for (std::size_t g = 0; g < kDoubleGroups; ++g) {
    const double* group = spread + g * n * stride;
    double* tile = lanes + g * kDoubleStep;
    for (std::size_t i = 0; i < n; i += kTileRows) {
      for (std::size_t r = 0; r < kTileRows; ++r) x[r] = group + HWY_MIN(i + r, n - 1) * stride;
      for (std::size_t j = i; j < n; j += kTileColumns) {
        for (std::size_t c = 0; c < kTileColumns; ++c)
          y[c] = group + HWY_MIN(j + c, n - 1) * stride;
        read_ahead.step();
        products_of_tile(x, y, chunks, tile);
        tile += kTileLanes;
      }
    }
  }
}

// Folds the lanes of all tiles into the upper triangle.
void fold_tiles_kernel(double* lanes, std::size_t n, double* upper) {
  for (std::size_t i = 0; i < n; i += kTileRows)
    for (std::size_t j = i; j < n; j += kTileColumns, lanes += kTileLanes)
      for (std::size_t r = 0; r < kTileRows; ++r)
        for (std::size_t c = 0; c < kTileColumns; ++c)
          if (i + r <= j + c && j + c < n)
            upper[(i + r) * n + j + c] += fold_lanes(lanes + (r * kTileColumns + c) * kLanes);
}

}  // namespace shoal::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace shoal {

HWY_EXPORT(distances_kernel);
HWY_EXPORT(spread_kernel);
HWY_EXPORT(products_kernel);
HWY_EXPORT(fold_tiles_kernel);
HWY_EXPORT(tile_lanes_kernel);

namespace {

constexpr std::size_t kBlock = 1024;        // coordinates whose rows are in cache together
constexpr std::size_t kProductChunks = 32;  // of 16 coordinates: doubles are wider
constexpr std::size_t kSuperBlock = 16384;  // coordinates of one job
constexpr std::size_t kWave = 64;           // super-blocks whose partial results are held at once

// Adds coordinates begin..end-1 to the upper triangle.
using AddSuperBlock = void (*)(std::span<const Row> rows, Row reference, std::size_t begin,
                               std::size_t end, double* upper);

void add_distances(std::span<const Row> rows, Row, std::size_t begin, std::size_t end,
                   double* upper) {
  const std::size_t n = rows.size();
  std::vector<const float*> at(n);
  for (std::size_t c = begin; c < end; c += kBlock) {
    for (std::size_t i = 0; i < n; ++i) at[i] = rows[i].data() + c;
    const std::size_t count = std::min(kBlock, end - c);
    const std::size_t ahead = c + 2 * kBlock <= rows.front().size() ? kBlock : 0;
    for (std::size_t i = 0; i + 1 < n; ++i) HWY_DYNAMIC_DISPATCH(distances_kernel)
    (at[i], at.data() + i + 1, n - i - 1, count, ahead, upper + i * n + i + 1);
  }
}

// Rows are taken relative to `reference` when there is one.
void add_products(std::span<const Row> rows, Row reference, std::size_t begin, std::size_t end,
                  double* upper) {
  constexpr std::size_t kCount = kProductChunks * 16;
  const std::size_t n = rows.size();
  const std::size_t tile_lanes = HWY_DYNAMIC_DISPATCH(tile_lanes_kernel)(n);
  const auto spread = hwy::AllocateAligned<double>(n * kCount);
  const auto lanes = hwy::AllocateAligned<double>(tile_lanes);
  std::fill_n(lanes.get(), tile_lanes, 0.0);
  std::vector<const float*> next(n);
  float centred[kCount];
  for (std::size_t at = begin; at < end; at += kCount) {
    const std::size_t count = std::min(kCount, end - at);
    for (std::size_t i = 0; i < n; ++i) {
      const float* row = rows[i].data() + at;
      for (std::size_t c = 0; c < count && !reference.empty(); ++c)
        centred[c] = row[c] - reference[at + c];
      HWY_DYNAMIC_DISPATCH(spread_kernel)
      (reference.empty() ? row : centred, count, kProductChunks, i, n, spread.get());
      next[i] = row + count;
    }
    const std::size_t ahead = std::min(kCount, rows.front().size() - (at + count));
    HWY_DYNAMIC_DISPATCH(products_kernel)
    (spread.get(), n, kProductChunks, next.data(), ahead, lanes.get());
  }
  HWY_DYNAMIC_DISPATCH(fold_tiles_kernel)(lanes.get(), n, upper);
}

PairMatrix pair_matrix(std::span<const Row> rows, Row reference, ThreadPool* pool,
                       AddSuperBlock add_super_block) {
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
      add_super_block(rows, reference, begin, std::min(dimension, begin + kSuperBlock),
                      partial.data() + k * n * n);
    };
    for_each_block(pool, wave, job);
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
  for_each_block(pool, blocks, job);
  std::vector<double> distances(n, 0.0);
  for (std::size_t k = 0; k < blocks; ++k)
    for (std::size_t i = 0; i < n; ++i) distances[i] += partial[k * n + i];
  return distances;
}

}  // namespace shoal
#endif  // HWY_ONCE
