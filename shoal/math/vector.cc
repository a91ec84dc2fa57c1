#include "shoal/math/vector.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

#include "shoal/base/check.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "shoal/math/vector.cc"
// Lane arrays need register types of a size known to the compiler.
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "shoal/math/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace shoal::HWY_NAMESPACE {

void axpy_kernel(float a, const float* x, float* y, std::size_t n) {
  const FloatTag d;
  const FloatVec factor = hn::Set(d, a);
  std::size_t i = 0;
  for (; i + kFloatStep <= n; i += kFloatStep)
    hn::StoreU(hn::Add(hn::LoadU(d, y + i), hn::Mul(factor, hn::LoadU(d, x + i))), d, y + i);
  for (; i < n; ++i) y[i] += a * x[i];
}

void scale_kernel(float a, float* x, std::size_t n) {
  const FloatTag d;
  const FloatVec factor = hn::Set(d, a);
  std::size_t i = 0;
  for (; i + kFloatStep <= n; i += kFloatStep)
    hn::StoreU(hn::Mul(factor, hn::LoadU(d, x + i)), d, x + i);
  for (; i < n; ++i) x[i] *= a;
}

void scaled_sum_kernel(float a, const float* x, float b, const float* y, float* out,
                       std::size_t n) {
  const FloatTag d;
  const FloatVec left = hn::Set(d, a), right = hn::Set(d, b);
  std::size_t i = 0;
  for (; i + kFloatStep <= n; i += kFloatStep)
    hn::StoreU(hn::Add(hn::Mul(left, hn::LoadU(d, x + i)), hn::Mul(right, hn::LoadU(d, y + i))), d,
               out + i);
  for (; i < n; ++i) out[i] = a * x[i] + b * y[i];
}

// sums += a x over at most one chunk of a row. Meanwhile it asks memory for as many floats from
// `next` on, where that is not null: reading chunk by chunk of many rows is waiting otherwise.
void accumulate_kernel(double a, const float* x, const float* next, double* sums, std::size_t n) {
  const DoubleTag d;
  const DoubleVec factor = hn::Set(d, a);
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    if (next) hwy::Prefetch(next + i);
    for (std::size_t at = i; at < i + kLanes; at += kDoubleStep)
      hn::StoreU(hn::Add(hn::LoadU(d, sums + at), hn::Mul(factor, load_as_double(x + at))), d,
                 sums + at);
  }
  for (; i < n; ++i) sums[i] += a * static_cast<double>(x[i]);
}

struct Product {
  template <class T>
  static HWY_INLINE T of(T x, T y) {
    return x * y;
  }
  template <class V>
  static HWY_INLINE V of_lanes(V x, V y) {
    return hn::Mul(x, y);
  }
};
struct SquaredDifference {
  template <class T>
  static HWY_INLINE T of(T x, T y) {
    const T difference = x - y;
    return difference * difference;
  }
  template <class V>
  static HWY_INLINE V of_lanes(V x, V y) {
    const V difference = hn::Sub(x, y);
    return hn::Mul(difference, difference);
  }
};
struct Entry {
  template <class T>
  static HWY_INLINE T of(T x, T) {
    return x;
  }
  template <class V>
  static HWY_INLINE V of_lanes(V x, V) {
    return x;
  }
};
struct Magnitude {
  template <class T>
  static HWY_INLINE T of(T x, T) {
    return x < 0 ? -x : x;
  }
  template <class V>
  static HWY_INLINE V of_lanes(V x, V) {
    return hn::Abs(x);
  }
};

template <class Term>
HWY_INLINE double sum_in_double(const float* x, const float* y, std::size_t n) {
  const DoubleTag d;
  DoubleVec sums[kDoubleGroups];
  for (std::size_t g = 0; g < kDoubleGroups; ++g) sums[g] = hn::Zero(d);
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (std::size_t g = 0; g < kDoubleGroups; ++g)
      sums[g] = hn::Add(sums[g], Term::of_lanes(load_as_double(x + i + g * kDoubleStep),
                                                load_as_double(y + i + g * kDoubleStep)));
  double lanes[kLanes];
  for (std::size_t g = 0; g < kDoubleGroups; ++g) hn::StoreU(sums[g], d, lanes + g * kDoubleStep);
  for (std::size_t lane = 0; i < n; ++i, ++lane)
    lanes[lane] += Term::of(static_cast<double>(x[i]), static_cast<double>(y[i]));
  return fold_lanes(lanes);
}

template <class Term>
HWY_INLINE double sum_in_float(const float* x, const float* y, std::size_t n) {
  const FloatTag d;
  double total = 0.0;
  for (std::size_t begin = 0; begin < n; begin += kLaneBlock) {
    const std::size_t end = HWY_MIN(n, begin + kLaneBlock);
    FloatVec sums[kFloatGroups];
    for (std::size_t g = 0; g < kFloatGroups; ++g) sums[g] = hn::Zero(d);
    std::size_t i = begin;
    for (; i + kLanes <= end; i += kLanes)
      for (std::size_t g = 0; g < kFloatGroups; ++g)
        sums[g] = hn::Add(sums[g], Term::of_lanes(hn::LoadU(d, x + i + g * kFloatStep),
                                                  hn::LoadU(d, y + i + g * kFloatStep)));
    float lanes[kLanes];
    for (std::size_t g = 0; g < kFloatGroups; ++g) hn::StoreU(sums[g], d, lanes + g * kFloatStep);
    for (std::size_t lane = 0; i < end; ++i, ++lane) lanes[lane] += Term::of(x[i], y[i]);
    total += static_cast<double>(fold_lanes(lanes));
  }
  return total;
}

double dot_kernel(const float* x, const float* y, std::size_t n) {
  return sum_in_double<Product>(x, y, n);
}
double distance_kernel(const float* x, const float* y, std::size_t n) {
  return sum_in_double<SquaredDifference>(x, y, n);
}
double sum_kernel(const float* x, std::size_t n) { return sum_in_double<Entry>(x, x, n); }
double absolute_sum_kernel(const float* x, std::size_t n) {
  return sum_in_double<Magnitude>(x, x, n);
}
double dot_float_kernel(const float* x, const float* y, std::size_t n) {
  return sum_in_float<Product>(x, y, n);
}
double distance_float_kernel(const float* x, const float* y, std::size_t n) {
  return sum_in_float<SquaredDifference>(x, y, n);
}

// The largest |x_i| as its bit pattern, which orders like the value and puts infinities and NaN at
// 0x7f800000 and above.
std::uint32_t max_abs_bits_kernel(const float* x, std::size_t n) {
  const HWY_CAPPED(std::int32_t, 16) d;
  const auto magnitude = hn::Set(d, 0x7fffffff);
  auto largest = hn::Zero(d);
  const auto* bits = reinterpret_cast<const std::int32_t*>(x);
  std::size_t i = 0;
  for (; i + hn::Lanes(d) <= n; i += hn::Lanes(d))
    largest = hn::Max(largest, hn::And(magnitude, hn::LoadU(d, bits + i)));
  std::int32_t lanes[16];
  hn::StoreU(largest, d, lanes);
  std::int32_t result = 0;
  for (std::size_t lane = 0; lane < hn::Lanes(d); ++lane) result = HWY_MAX(result, lanes[lane]);
  for (; i < n; ++i) {
    std::int32_t value;
    hwy::CopyBytes<sizeof(value)>(x + i, &value);
    result = HWY_MAX(result, value & 0x7fffffff);
  }
  return static_cast<std::uint32_t>(result);
}

}  // namespace shoal::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace shoal {

HWY_EXPORT(axpy_kernel);
HWY_EXPORT(scale_kernel);
HWY_EXPORT(scaled_sum_kernel);
HWY_EXPORT(accumulate_kernel);
HWY_EXPORT(dot_kernel);
HWY_EXPORT(distance_kernel);
HWY_EXPORT(sum_kernel);
HWY_EXPORT(absolute_sum_kernel);
HWY_EXPORT(dot_float_kernel);
HWY_EXPORT(distance_float_kernel);
HWY_EXPORT(max_abs_bits_kernel);

namespace {

constexpr std::uint32_t kInfinityBits = 0x7f800000;
// Coordinates summed at a time: the double sums stay in the first-level cache.
constexpr std::size_t kSumChunk = 1024;
constexpr const char* kEqualLength = "rows of one kernel call have equal length";

template <class Term>
double sum_plain(std::span<const double> x, std::span<const double> y, Term term) {
  SHOAL_CHECK(x.size() == y.size(), kEqualLength);
  double lanes[16] = {};
  std::size_t i = 0;
  for (; i + 16 <= x.size(); i += 16)
    for (std::size_t lane = 0; lane < 16; ++lane) lanes[lane] += term(x[i + lane], y[i + lane]);
  for (std::size_t lane = 0; i < x.size(); ++i, ++lane) lanes[lane] += term(x[i], y[i]);
  for (std::size_t width = 8; width > 0; width /= 2)
    for (std::size_t lane = 0; lane < width; ++lane) lanes[lane] += lanes[lane + width];
  return lanes[0];
}

}  // namespace

void axpy(float a, Row x, std::span<float> y) {
  SHOAL_CHECK(x.size() == y.size(), kEqualLength);
  HWY_DYNAMIC_DISPATCH(axpy_kernel)(a, x.data(), y.data(), x.size());
}

void scale(float a, std::span<float> x) {
  HWY_DYNAMIC_DISPATCH(scale_kernel)(a, x.data(), x.size());
}

void scaled_sum(float a, Row x, float b, Row y, std::span<float> out) {
  SHOAL_CHECK(x.size() == y.size() && x.size() == out.size(), kEqualLength);
  HWY_DYNAMIC_DISPATCH(scaled_sum_kernel)(a, x.data(), b, y.data(), out.data(), x.size());
}

void weighted_sum(std::span<const Row> rows, std::span<const double> weights,
                  std::span<float> out) {
  SHOAL_CHECK(rows.size() == weights.size(), "one weight a row");
  for (const Row row : rows) SHOAL_CHECK(row.size() == out.size(), kEqualLength);
  double sums[kSumChunk];
  for (std::size_t begin = 0; begin < out.size(); begin += kSumChunk) {
    const std::size_t count = std::min(kSumChunk, out.size() - begin);
    std::fill_n(sums, count, 0.0);
    const bool more = begin + 2 * kSumChunk <= out.size();
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const float* x = rows[i].data() + begin;
      HWY_DYNAMIC_DISPATCH(accumulate_kernel)
      (weights[i], x, more ? x + kSumChunk : nullptr, sums, count);
    }
    for (std::size_t c = 0; c < count; ++c) out[begin + c] = static_cast<float>(sums[c]);
  }
}

void accumulate(double a, Row x, std::span<double> sums) {
  SHOAL_CHECK(x.size() == sums.size(), kEqualLength);
  HWY_DYNAMIC_DISPATCH(accumulate_kernel)(a, x.data(), nullptr, sums.data(), x.size());
}

void mean_of_rows(std::span<const Row> rows, std::span<float> out) {
  SHOAL_CHECK(!rows.empty(), "the mean of no rows");
  const std::vector<double> weights(rows.size(), 1.0 / static_cast<double>(rows.size()));
  weighted_sum(rows, weights, out);
}

double dot(Row x, Row y) {
  SHOAL_CHECK(x.size() == y.size(), kEqualLength);
  return HWY_DYNAMIC_DISPATCH(dot_kernel)(x.data(), y.data(), x.size());
}
double squared_norm(Row x) { return dot(x, x); }
double squared_distance(Row x, Row y) {
  SHOAL_CHECK(x.size() == y.size(), kEqualLength);
  return HWY_DYNAMIC_DISPATCH(distance_kernel)(x.data(), y.data(), x.size());
}
double sum(Row x) { return HWY_DYNAMIC_DISPATCH(sum_kernel)(x.data(), x.size()); }
double absolute_sum(Row x) { return HWY_DYNAMIC_DISPATCH(absolute_sum_kernel)(x.data(), x.size()); }
double dot_float(Row x, Row y) {
  SHOAL_CHECK(x.size() == y.size(), kEqualLength);
  return HWY_DYNAMIC_DISPATCH(dot_float_kernel)(x.data(), y.data(), x.size());
}
double squared_norm_float(Row x) { return dot_float(x, x); }
double squared_distance_float(Row x, Row y) {
  SHOAL_CHECK(x.size() == y.size(), kEqualLength);
  return HWY_DYNAMIC_DISPATCH(distance_float_kernel)(x.data(), y.data(), x.size());
}

bool all_finite(Row x) {
  return HWY_DYNAMIC_DISPATCH(max_abs_bits_kernel)(x.data(), x.size()) < kInfinityBits;
}

std::size_t first_not_finite(Row x) {
  if (all_finite(x)) return x.size();
  return static_cast<std::size_t>(
      std::find_if(x.begin(), x.end(), [](float value) { return !std::isfinite(value); }) -
      x.begin());
}

float max_abs(Row x) {
  return std::bit_cast<float>(HWY_DYNAMIC_DISPATCH(max_abs_bits_kernel)(x.data(), x.size()));
}

void axpy(double a, std::span<const double> x, std::span<double> y) {
  SHOAL_CHECK(x.size() == y.size(), kEqualLength);
  for (std::size_t i = 0; i < x.size(); ++i) y[i] += a * x[i];
}
void scale(double a, std::span<double> x) {
  for (double& value : x) value *= a;
}
double dot(std::span<const double> x, std::span<const double> y) {
  return sum_plain(x, y, [](double left, double right) { return left * right; });
}
double squared_norm(std::span<const double> x) { return dot(x, x); }
double squared_distance(std::span<const double> x, std::span<const double> y) {
  return sum_plain(x, y, [](double left, double right) { return (left - right) * (left - right); });
}
bool all_finite(std::span<const double> x) {
  return std::all_of(x.begin(), x.end(), [](double value) { return std::isfinite(value); });
}

}  // namespace shoal
#endif  // HWY_ONCE
