#include "shoal/math/mix.h"

#include <algorithm>
#include <bit>
#include <hwy/aligned_allocator.h>

#include "shoal/base/check.h"

#ifndef SHOAL_MATH_MIX_ONCE
#define SHOAL_MATH_MIX_ONCE
namespace shoal {

inline constexpr std::size_t kFour = 4;     // rows whose sums are shared
inline constexpr std::size_t kOfFour = 16;  // sets of four rows

// Every sum of some of four neighbouring rows that a subset asks for is a line: line 16 g + m is
// the sum of the rows 4 g + i whose bit i is set in m.
struct Plan {
  std::size_t rows = 0;
  std::vector<std::uint32_t> needed;              // of each four: bit m for line m
  std::vector<std::vector<std::uint32_t>> terms;  // of each subset, in lines
  std::vector<double> shares;                     // 1 / size of the subset
};

}  // namespace shoal
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "shoal/math/mix.cc"
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "shoal/math/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace shoal::HWY_NAMESPACE {

// Two vectors side by side: what is asked before a store is asked half as often.
struct Two {
  DoubleVec left, right;
};
HWY_INLINE Two load_two(const float* from) {
  return {load_as_double(from), load_as_double(from + kDoubleStep)};
}
HWY_INLINE Two add(const Two& x, const Two& y) {
  return {hn::Add(x.left, y.left), hn::Add(x.right, y.right)};
}

// The needed sums of four rows over `width` coordinates, from the lowest row to the highest.
HWY_INLINE void sums_of_four(const float* const* rows, std::uint32_t needed, std::size_t width,
                             double* lines) {
  const DoubleTag tag;
  constexpr std::uint32_t kSingle = 1u << 1 | 1u << 2 | 1u << 4 | 1u << 8;
  if ((needed & ~kSingle) == 0) {  // small subsets seldom share a four
    for (std::size_t i = 0; i < kFour; ++i) {
      double* to = lines + (std::size_t{1} << i) * width;
      for (std::size_t at = 0; at < width && (needed >> (1u << i) & 1); at += kDoubleStep)
        hn::Store(load_as_double(rows[i] + at), tag, to + at);
    }
    return;
  }
  for (std::size_t at = 0; at < width; at += 2 * kDoubleStep) {
    const auto put = [&](std::uint32_t members, const Two& sum) HWY_ATTR {
      if ((needed >> members & 1) == 0) return;
      double* to = lines + members * width + at;
      hn::Store(sum.left, tag, to);
      hn::Store(sum.right, tag, to + kDoubleStep);
    };
    const Two a = load_two(rows[0] + at), b = load_two(rows[1] + at), c = load_two(rows[2] + at),
              d = load_two(rows[3] + at);
    const Two ab = add(a, b), ac = add(a, c), bc = add(b, c), abc = add(ab, c);
    put(1, a);
    put(2, b);
    put(3, ab);
    put(4, c);
    put(5, ac);
    put(6, bc);
    put(7, abc);
    put(8, d);
    put(9, add(a, d));
    put(10, add(b, d));
    put(11, add(ab, d));
    put(12, add(c, d));
    put(13, add(ac, d));
    put(14, add(bc, d));
    put(15, add(abc, d));
  }
}

// Coordinates summed side by side: enough that no addition waits for the one before it.
inline constexpr std::size_t kSideBySide = 2 * kLanes;
inline constexpr std::size_t kSums = 2 * kDoubleGroups;

// out[c] = the sum of the lines terms[k] at c, in order, times `share`.
HWY_INLINE void sum_of_lines(const double* lines, std::size_t width,
                             const std::vector<std::uint32_t>& terms, double share,
                             std::size_t count, float* out) {
  const DoubleTag d;
  const hn::Rebind<float, DoubleTag> narrow;
  const DoubleVec factor = hn::Set(d, share);
  for (std::size_t c = 0; c < count; c += kSideBySide) {
    DoubleVec sums[kSums];
    const double* first = lines + terms[0] * width + c;
    for (std::size_t g = 0; g < kSums; ++g) sums[g] = hn::Load(d, first + g * kDoubleStep);
    for (std::size_t k = 1; k < terms.size(); ++k) {
      const double* line = lines + terms[k] * width + c;
      for (std::size_t g = 0; g < kSums; ++g)
        sums[g] = hn::Add(sums[g], hn::Load(d, line + g * kDoubleStep));
    }
    float means[kSideBySide];
    float* to = c + kSideBySide <= count ? out + c : means;
    for (std::size_t g = 0; g < kSums; ++g)
      hn::StoreU(hn::DemoteTo(narrow, hn::Mul(sums[g], factor)), narrow, to + g * kDoubleStep);
    if (to == means) std::copy(means, means + (count - c), out + c);
  }
}

// Asks memory for `count` floats, which the next block reads or writes: there are too many rows for
// the processor to see where each of them goes on.
HWY_INLINE void ask_for(const float* from, std::size_t count) {
  for (std::size_t c = 0; c < count; c += kLanes) hwy::Prefetch(from + c);
}

// The means of `count` coordinates from `begin` on. A line holds `width` doubles, a multiple of
// kSideBySide; `tail` holds kFour times that many floats.
void mix_kernel(const Row* rows, const Plan& plan, std::size_t begin, std::size_t count,
                std::size_t width, float* tail, double* lines, const std::span<float>* out) {
  const std::size_t dimension = rows[0].size(), end = begin + count;
  const std::size_t ahead = std::min(width, dimension - end);
  for (std::size_t g = 0; g < plan.needed.size(); ++g) {
    const float* four[kFour];
    for (std::size_t i = 0; i < kFour; ++i) {
      // No sum with a row behind the last is needed.
      const Row row = rows[HWY_MIN(g * kFour + i, plan.rows - 1)];
      four[i] = row.data() + begin;
      ask_for(row.data() + end, ahead);
      if (count == width) continue;
      float* padded = tail + i * width;
      std::fill(std::copy_n(four[i], count, padded), padded + width, 0.0f);
      four[i] = padded;
    }
    sums_of_four(four, plan.needed[g], width, lines + g * kOfFour * width);
  }
  for (std::size_t s = 0; s < plan.terms.size(); ++s) {
    float* means = out[s].data();
    sum_of_lines(lines, width, plan.terms[s], plan.shares[s], count, means + begin);
    ask_for(means + end, ahead);
  }
}

}  // namespace shoal::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace shoal {

HWY_EXPORT(mix_kernel);

namespace {

constexpr std::size_t kJobCoordinates = 16384;
// The lines of one block stay within this many doubles, which the second-level cache holds, down to
// 32 coordinates: longer stretches of each row, of which there are too many to follow at once, were
// worth more than the first level.
constexpr std::size_t kBlockDoubles = 6144;
Plan plan_of(std::size_t n, const std::vector<std::vector<std::uint32_t>>& subsets) {
  Plan plan;
  plan.rows = n;
  plan.needed.assign((n + kFour - 1) / kFour, 0);
  for (const auto& subset : subsets) {
    SHOAL_CHECK(!subset.empty(), "the mean of an empty subset");
    std::vector<std::uint32_t> members(plan.needed.size(), 0);
    for (const std::uint32_t i : subset) {
      SHOAL_CHECK(i < n, "subsets hold row numbers");
      SHOAL_CHECK((members[i / kFour] >> i % kFour & 1u) == 0, "a subset holds a row once");
      members[i / kFour] |= 1u << i % kFour;
    }
    std::vector<std::uint32_t> terms;
    for (std::size_t four = 0; four < members.size(); ++four) {
      if (members[four] == 0) continue;
      plan.needed[four] |= 1u << members[four];
      terms.push_back(static_cast<std::uint32_t>(four * kOfFour) + members[four]);
    }
    plan.terms.push_back(std::move(terms));
    plan.shares.push_back(1.0 / static_cast<double>(subset.size()));
  }
  return plan;
}

}  // namespace

void mean_of_subsets(std::span<const Row> rows,
                     const std::vector<std::vector<std::uint32_t>>& subsets,
                     std::span<const std::span<float>> out, ThreadPool* pool) {
  if (rows.empty() || subsets.empty()) return;
  const std::size_t dimension = rows.front().size();
  for (const Row row : rows) SHOAL_CHECK(row.size() == dimension, "rows have equal length");
  SHOAL_CHECK(out.size() == subsets.size(), "one result row a subset");
  for (const std::span<float> row : out)
    SHOAL_CHECK(row.size() == dimension, "results are as long as the rows");
  const Plan plan = plan_of(rows.size(), subsets);
  std::size_t needed = 0;
  for (const std::uint32_t lines : plan.needed)
    needed += static_cast<std::size_t>(std::popcount(lines));
  const std::size_t width = std::clamp<std::size_t>(kBlockDoubles / needed / 32 * 32, 32, 512);
  const auto job = [&](std::size_t k) {
    const auto lines = hwy::AllocateAligned<double>(plan.needed.size() * kOfFour * width);
    const auto tail = hwy::AllocateAligned<float>(kFour * width);
    const std::size_t end = std::min(dimension, (k + 1) * kJobCoordinates);
    for (std::size_t begin = k * kJobCoordinates; begin < end; begin += width)
      HWY_DYNAMIC_DISPATCH(mix_kernel)
    (rows.data(), plan, begin, std::min(width, end - begin), width, tail.get(), lines.get(),
     out.data());
  };
  const std::size_t jobs = (dimension + kJobCoordinates - 1) / kJobCoordinates;
  for_each_block(pool, jobs, job);
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

void mix_equally(std::span<const Row> rows, std::span<float> out, ThreadPool* pool) {
  SHOAL_CHECK(!rows.empty(), "the mean of no rows");
  mix_rows(rows, std::vector<double>(rows.size(), 1.0 / static_cast<double>(rows.size())), out,
           pool);
}

}  // namespace shoal
#endif  // HWY_ONCE
