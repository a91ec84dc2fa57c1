#include "shoal/math/mix.h"

#include <algorithm>
#include <hwy/aligned_allocator.h>

#include "shoal/base/check.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "shoal/math/mix.cc"
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "shoal/math/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace shoal::HWY_NAMESPACE {

void widen_kernel(const float* row, std::size_t count, double* to) {
  const DoubleTag d;
  std::size_t c = 0;
  for (; c + kDoubleStep <= count; c += kDoubleStep) hn::StoreU(load_as_double(row + c), d, to + c);
  for (; c < count; ++c) to[c] = static_cast<double>(row[c]);
}

// Coordinates summed side by side: enough that no addition waits for the one before it.
inline constexpr std::size_t kSideBySide = 2 * kLanes;
inline constexpr std::size_t kSums = 2 * kDoubleGroups;

// out[c] = mean over the subset of wide[i * stride + c]; stride is a multiple of kSideBySide.
void subset_mean_kernel(const double* wide, std::size_t stride, const std::uint32_t* subset,
                        std::size_t members, std::size_t count, float* out) {
  const DoubleTag d;
  const hn::Rebind<float, DoubleTag> narrow;
  const DoubleVec share = hn::Set(d, 1.0 / static_cast<double>(members));
  for (std::size_t c = 0; c < count; c += kSideBySide) {
    DoubleVec sums[kSums];
    for (std::size_t g = 0; g < kSums; ++g) sums[g] = hn::Zero(d);
    for (std::size_t m = 0; m < members; ++m) {
      const double* row = wide + subset[m] * stride + c;
      for (std::size_t g = 0; g < kSums; ++g)
        sums[g] = hn::Add(sums[g], hn::LoadU(d, row + g * kDoubleStep));
    }
    float means[kSideBySide];
    float* to = c + kSideBySide <= count ? out + c : means;
    for (std::size_t g = 0; g < kSums; ++g)
      hn::StoreU(hn::DemoteTo(narrow, hn::Mul(sums[g], share)), narrow, to + g * kDoubleStep);
    if (to == means) std::copy(means, means + (count - c), out + c);
  }
}

}  // namespace shoal::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace shoal {

HWY_EXPORT(widen_kernel);
HWY_EXPORT(subset_mean_kernel);

namespace {

constexpr std::size_t kJobCoordinates = 16384;
// Doubles of one widened block: half of a small first-level cache, down to 32 coordinates a row.
constexpr std::size_t kBlockDoubles = 2048;

}  // namespace

void mean_of_subsets(std::span<const Row> rows,
                     const std::vector<std::vector<std::uint32_t>>& subsets, std::span<float> out,
                     ThreadPool* pool) {
  if (rows.empty() || subsets.empty()) return;
  const std::size_t n = rows.size(), dimension = rows.front().size();
  for (const Row row : rows) SHOAL_CHECK(row.size() == dimension, "rows have equal length");
  SHOAL_CHECK(out.size() == subsets.size() * dimension, "one result row a subset");
  for (const auto& subset : subsets) {
    SHOAL_CHECK(!subset.empty(), "the mean of an empty subset");
    for (const std::uint32_t i : subset) SHOAL_CHECK(i < n, "subsets hold row numbers");
  }
  const std::size_t width = std::clamp<std::size_t>(kBlockDoubles / n / 32 * 32, 32, 512);
  const auto job = [&](std::size_t k) {
    const auto wide = hwy::AllocateAligned<double>(n * width);
    std::fill_n(wide.get(), n * width, 0.0);
    const std::size_t end = std::min(dimension, (k + 1) * kJobCoordinates);
    for (std::size_t begin = k * kJobCoordinates; begin < end; begin += width) {
      const std::size_t count = std::min(width, end - begin);
      for (std::size_t i = 0; i < n; ++i)
        HWY_DYNAMIC_DISPATCH(widen_kernel)(rows[i].data() + begin, count, wide.get() + i * width);
      for (std::size_t s = 0; s < subsets.size(); ++s) HWY_DYNAMIC_DISPATCH(subset_mean_kernel)
      (wide.get(), width, subsets[s].data(), subsets[s].size(), count,
       out.data() + s * dimension + begin);
    }
  };
  const std::size_t jobs = (dimension + kJobCoordinates - 1) / kJobCoordinates;
  if (pool) {
    pool->parallel_for(jobs, job);
  } else {
    for (std::size_t k = 0; k < jobs; ++k) job(k);
  }
}

void mix_rows(std::span<const Row> rows, std::span<const double> weights, std::span<float> out,
              ThreadPool* pool) {
  const std::size_t jobs = (out.size() + kJobCoordinates - 1) / kJobCoordinates;
  if (!pool || jobs < 2) return weighted_sum(rows, weights, out);
  pool->parallel_for(jobs, [&](std::size_t k) {
    const std::size_t begin = k * kJobCoordinates;
    const std::size_t count = std::min(kJobCoordinates, out.size() - begin);
    std::vector<Row> parts;
    for (const Row row : rows) parts.push_back(row.subspan(begin, count));
    weighted_sum(parts, weights, out.subspan(begin, count));
  });
}

}  // namespace shoal
#endif  // HWY_ONCE
