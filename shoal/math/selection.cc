#include "shoal/math/selection.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include "shoal/base/check.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "shoal/math/selection.cc"
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace shoal::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Calls each(i, i + step) for the groups of entries among which a key reaches the bound. A key is
// |x_i| as bits, which order like the value.
template <class Each>
HWY_INLINE void for_each_group(const float* x, std::size_t n, std::uint32_t bound, Each each) {
  const HWY_CAPPED(std::int32_t, 16) d;
  const std::size_t step = hn::Lanes(d);
  const auto magnitude = hn::Set(d, 0x7fffffff);
  const auto below = hn::Set(d, static_cast<std::int32_t>(bound) - 1);
  const auto* bits = reinterpret_cast<const std::int32_t*>(x);
  std::size_t i = 0;
  for (; i + step <= n; i += step)
    if (!hn::AllFalse(d, hn::Gt(hn::And(magnitude, hn::LoadU(d, bits + i)), below)))
      each(i, i + step);
  if (i < n) each(i, n);
}

// Writes the indices i + base of keys >= bound, and their entries, in order, and returns how many.
// Both outputs have room for n + 1: every entry is written, and the place moves on when it counts.
// (Highway 1.0's Compress copies its table to the stack on every call under GCC 12.)
std::size_t collect_kernel(const float* x, std::size_t n, std::uint32_t bound, std::uint32_t base,
                           bool few, std::uint32_t* indices, float* entries) {
  std::size_t count = 0;
  const auto keep = [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      std::uint32_t key;
      hwy::CopyBytes<sizeof(key)>(x + i, &key);
      indices[count] = base + static_cast<std::uint32_t>(i);
      entries[count] = x[i];
      count += (key & 0x7fffffffu) >= bound;
    }
  };
  if (few) {
    for_each_group(x, n, bound, keep);
  } else {
    keep(0, n);
  }
  return count;
}

}  // namespace shoal::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace shoal {

HWY_EXPORT(collect_kernel);

namespace {

using Keys = std::vector<std::uint32_t>;

constexpr std::size_t kSmall = 4096;           // below, nth_element beats three histograms
constexpr std::size_t kSampledFrom = 1 << 16;  // rows this long are sampled first
// Every so many entries one is sampled, within limits: a sharper bound leaves fewer candidates.
constexpr std::size_t kSampleEvery = 512;
constexpr std::size_t kMinSample = 8192;
constexpr std::size_t kMaxSample = 65536;
// Below one in this many, collecting skips empty vectors.
constexpr std::size_t kFewOneIn = 32;
constexpr std::size_t kCollectChunk = 4096;

std::uint32_t key_of(float x) { return std::bit_cast<std::uint32_t>(x) & 0x7fffffffu; }

// Among keys whose bits above `shift + bits` equal `prefix`: the value of the next `bits` bits of
// the rank-th largest. `rank` (from 1) becomes the rank among the keys that share those bits too.
std::uint32_t radix_digit(const Keys& keys, std::uint32_t prefix, unsigned shift, unsigned bits,
                          std::size_t& rank) {
  thread_local std::vector<std::size_t> histogram;
  histogram.assign(std::size_t{1} << bits, 0);
  const std::uint32_t mask = (1u << bits) - 1;
  for (const std::uint32_t key : keys)
    if (std::uint64_t{key} >> (shift + bits) == prefix) ++histogram[key >> shift & mask];
  std::uint32_t digit = mask;
  while (histogram[digit] < rank) rank -= histogram[digit--];
  return digit;
}

// The k-th largest key, k from 1.
std::uint32_t kth_largest(Keys& keys, std::size_t k) {
  if (keys.size() < kSmall) {
    const auto at = keys.begin() + static_cast<std::ptrdiff_t>(k - 1);
    std::nth_element(keys.begin(), at, keys.end(), std::greater<>());
    return *at;
  }
  std::uint32_t prefix = 0;
  for (const auto& [shift, bits] : {std::pair{20u, 11u}, {10u, 10u}, {0u, 10u}})
    prefix = prefix << bits | radix_digit(keys, prefix, shift, bits, k);
  return prefix;
}

// A key that very likely at least k keys reach, from a strided sample.
std::uint32_t sampled_bound(Row x, std::size_t k) {
  const std::size_t size = std::clamp(x.size() / kSampleEvery, kMinSample, kMaxSample);
  const std::size_t stride = x.size() / size;
  thread_local Keys sample;
  sample.resize(size);
  for (std::size_t s = 0; s < size; ++s) sample[s] = key_of(x[s * stride]);
  const double expected =
      static_cast<double>(size) * static_cast<double>(k) / static_cast<double>(x.size());
  const auto rank = static_cast<std::size_t>(expected + 4.0 * std::sqrt(expected) + 8.0);
  return kth_largest(sample, std::min(rank, size));
}

// The largest bound of the form bin << 20 that at least k keys reach.
std::uint32_t histogram_bound(Row x, std::size_t k) {
  // Four tables, so that neighbouring entries of one bin do not wait for each other.
  thread_local std::vector<std::uint32_t> tables;
  tables.assign(4 * 2048, 0);
  std::size_t i = 0;
  for (; i + 4 <= x.size(); i += 4)
    for (std::size_t t = 0; t < 4; ++t) ++tables[t * 2048 + (key_of(x[i + t]) >> 20)];
  for (; i < x.size(); ++i) ++tables[key_of(x[i]) >> 20];
  std::size_t reached = 0;
  std::uint32_t bin = 2048;
  while (reached < k) {
    --bin;
    for (std::size_t t = 0; t < 4; ++t) reached += tables[t * 2048 + bin];
  }
  return bin << 20;
}

void collect(Row x, std::uint32_t bound, std::size_t expected, Selected& found) {
  found.indices.clear();
  found.values.clear();
  found.indices.reserve(expected);
  found.values.reserve(expected);
  std::uint32_t indices[kCollectChunk + 1];
  float entries[kCollectChunk + 1];
  const bool few = expected < x.size() / kFewOneIn;
  for (std::size_t begin = 0; begin < x.size(); begin += kCollectChunk) {
    const std::size_t count = HWY_DYNAMIC_DISPATCH(collect_kernel)(
        x.data() + begin, std::min(kCollectChunk, x.size() - begin), bound,
        static_cast<std::uint32_t>(begin), few, indices, entries);
    found.indices.insert(found.indices.end(), indices, indices + count);
    found.values.insert(found.values.end(), entries, entries + count);
  }
}

// At least k entries, among them the k largest.
void candidates(Row x, std::size_t k, Selected& found) {
  const std::size_t expected = k + k / 4;
  if (x.size() >= kSampledFrom && k <= x.size() / 8) {
    // A bound of 0 (mostly zeros) would collect everything.
    if (const std::uint32_t bound = sampled_bound(x, k); bound > 0) {
      collect(x, bound, expected, found);
      if (found.indices.size() >= k) return;
    }
  }
  collect(x, x.size() < kSmall ? 0 : histogram_bound(x, k), expected, found);
}

// Keeps the k largest of the candidates, in order.
void keep_largest(Selected& found, std::size_t k) {
  thread_local Keys keys;
  keys.resize(found.values.size());
  std::transform(found.values.begin(), found.values.end(), keys.begin(), key_of);
  const std::uint32_t threshold = kth_largest(keys, k);
  std::size_t greater = 0;
  for (const float value : found.values) greater += key_of(value) > threshold;
  std::size_t ties_left = k - greater, kept = 0;
  for (std::size_t c = 0; c < found.values.size(); ++c) {
    const std::uint32_t key = key_of(found.values[c]);
    const bool tie = key == threshold && ties_left > 0;
    ties_left -= tie;
    found.indices[kept] = found.indices[c];
    found.values[kept] = found.values[c];
    kept += key > threshold || tie;
  }
  found.indices.resize(kept);
  found.values.resize(kept);
}

}  // namespace

void largest_magnitudes(Row x, std::size_t k, Selected& found) {
  SHOAL_CHECK(k <= x.size(), "the k largest of fewer than k entries");
  SHOAL_CHECK(x.size() <= std::numeric_limits<std::uint32_t>::max(), "indices have 32 bits");
  if (k > 0 && k < x.size()) {
    candidates(x, k, found);
    keep_largest(found, k);
    return;
  }
  found.indices.resize(k);
  found.values.assign(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(k));
  std::iota(found.indices.begin(), found.indices.end(), 0u);
}

Selected largest_magnitudes(Row x, std::size_t k) {
  Selected found;
  largest_magnitudes(x, k, found);
  return found;
}

void entries_reaching(Row x, float bound, Selected& found) {
  SHOAL_CHECK(bound >= 0.0f, "a bound of magnitudes is at least 0");
  SHOAL_CHECK(x.size() <= std::numeric_limits<std::uint32_t>::max(), "indices have 32 bits");
  collect(x, key_of(bound), 0, found);
}

}  // namespace shoal
#endif  // HWY_ONCE
