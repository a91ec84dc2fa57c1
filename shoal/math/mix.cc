#include "shoal/math/mix.h"

#include <algorithm>
#include <array>
#include <bit>
#include <hwy/aligned_allocator.h>

#include "shoal/base/check.h"

#ifndef SHOAL_MATH_MIX_ONCE
#define SHOAL_MATH_MIX_ONCE
namespace shoal {

// What is added to what, in lines: the first n are the rows, each later one is the sum of an
// earlier line and a row.
struct Plan {
  struct Sum {
    std::uint32_t line;
    std::uint32_t row;
  };
  std::size_t rows = 0;
  std::vector<Sum> sums;
  std::vector<std::vector<std::uint32_t>> terms;  // of each subset, in lines
  std::vector<double> shares;                     // 1 / size of the subset

  std::size_t lines() const { return rows + sums.size(); }
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

HWY_INLINE void widen(const float* row, std::size_t count, double* to) {
  const DoubleTag d;
  std::size_t c = 0;
  for (; c + kDoubleStep <= count; c += kDoubleStep) hn::Store(load_as_double(row + c), d, to + c);
  for (; c < count; ++c) to[c] = static_cast<double>(row[c]);
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
// kSideBySide.
void mix_kernel(const Row* rows, const Plan& plan, std::size_t begin, std::size_t count,
                std::size_t width, double* lines, float* out) {
  const DoubleTag d;
  const std::size_t dimension = rows[0].size(), end = begin + count;
  const std::size_t ahead = std::min(width, dimension - end);
  for (std::size_t i = 0; i < plan.rows; ++i) {
    widen(rows[i].data() + begin, count, lines + i * width);
    ask_for(rows[i].data() + end, ahead);
  }
  double* sums = lines + plan.rows * width;
  for (const Plan::Sum& sum : plan.sums) {
    const double* left = lines + sum.line * width;
    const double* right = lines + sum.row * width;
    for (std::size_t c = 0; c < width; c += kDoubleStep)
      hn::Store(hn::Add(hn::Load(d, left + c), hn::Load(d, right + c)), d, sums + c);
    sums += width;
  }
  for (std::size_t s = 0; s < plan.terms.size(); ++s) {
    float* means = out + s * dimension;
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
constexpr std::size_t kFour = 4;  // rows whose sums are shared

class Planner {
 public:
  explicit Planner(std::size_t n)
      : line_of_((n + kFour - 1) / kFour, std::array<std::uint32_t, 16>{}) {
    plan_.rows = n;
  }

  void add(const std::vector<std::uint32_t>& subset) {
    SHOAL_CHECK(!subset.empty(), "the mean of an empty subset");
    std::vector<std::uint32_t> members(line_of_.size(), 0);
    for (const std::uint32_t i : subset) {
      SHOAL_CHECK(i < plan_.rows, "subsets hold row numbers");
      SHOAL_CHECK((members[i / kFour] >> i % kFour & 1u) == 0, "a subset holds a row once");
      members[i / kFour] |= 1u << i % kFour;
    }
    std::vector<std::uint32_t> terms;
    for (std::size_t four = 0; four < members.size(); ++four)
      if (members[four] != 0) terms.push_back(line(four, members[four]));
    plan_.terms.push_back(std::move(terms));
    plan_.shares.push_back(1.0 / static_cast<double>(subset.size()));
  }
  Plan take() { return std::move(plan_); }

 private:
  // The line that holds the sum of these members of a four: the highest added to the rest.
  std::uint32_t line(std::size_t four, std::uint32_t members) {
    const auto highest = static_cast<std::uint32_t>(std::bit_width(members) - 1);
    const auto row = static_cast<std::uint32_t>(four * kFour + highest);
    const std::uint32_t rest = members & ~(1u << highest);
    if (rest == 0) return row;
    if (line_of_[four][members] == 0) {
      plan_.sums.push_back({line(four, rest), row});
      line_of_[four][members] = static_cast<std::uint32_t>(plan_.lines() - 1);
    }
    return line_of_[four][members];
  }

  Plan plan_;
  std::vector<std::array<std::uint32_t, 16>> line_of_;  // by members; 0: none yet, as sums are > 0
};

}  // namespace

void mean_of_subsets(std::span<const Row> rows,
                     const std::vector<std::vector<std::uint32_t>>& subsets, std::span<float> out,
                     ThreadPool* pool) {
  if (rows.empty() || subsets.empty()) return;
  const std::size_t dimension = rows.front().size();
  for (const Row row : rows) SHOAL_CHECK(row.size() == dimension, "rows have equal length");
  SHOAL_CHECK(out.size() == subsets.size() * dimension, "one result row a subset");
  Planner planner(rows.size());
  for (const auto& subset : subsets) planner.add(subset);
  const Plan plan = planner.take();
  const std::size_t width =
      std::clamp<std::size_t>(kBlockDoubles / plan.lines() / 32 * 32, 32, 512);
  const auto job = [&](std::size_t k) {
    const auto lines = hwy::AllocateAligned<double>(plan.lines() * width);
    std::fill_n(lines.get(), plan.lines() * width, 0.0);
    const std::size_t end = std::min(dimension, (k + 1) * kJobCoordinates);
    for (std::size_t begin = k * kJobCoordinates; begin < end; begin += width)
      HWY_DYNAMIC_DISPATCH(mix_kernel)
    (rows.data(), plan, begin, std::min(width, end - begin), width, lines.get(), out.data());
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
