#include "shoal/math/normal_row.h"

#include "shoal/base/check.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "shoal/math/normal_row.cc"
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace shoal::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using FloatTag = HWY_CAPPED(float, 16);
using IntTag = HWY_CAPPED(std::int32_t, 16);
using WordTag = HWY_CAPPED(std::uint32_t, 16);
using Floats = hn::Vec<FloatTag>;
using Ints = hn::Vec<IntTag>;
constexpr std::size_t kStep = hn::MaxLanes(FloatTag());

HWY_INLINE Floats set(float value) { return hn::Set(FloatTag(), value); }

// Coefficients by decreasing power.
template <std::size_t kTerms>
HWY_INLINE Floats polynomial(const float (&coefficients)[kTerms], Floats x) {
  Floats value = set(coefficients[0]);
  for (std::size_t i = 1; i < kTerms; ++i) value = hn::Add(hn::Mul(value, x), set(coefficients[i]));
  return value;
}

constexpr float kCentre[] = {2.81022636e-08f,  3.43273939e-07f, -3.5233877e-06f,
                             -4.39150654e-06f, 0.00021858087f,  -0.00125372503f,
                             -0.00417768164f,  0.246640727f,    1.50140941f};
constexpr float kTail[] = {-0.000200214257f, 0.000100950558f, 0.00134934322f,
                           -0.00367342844f,  0.00573950773f,  -0.0076224613f,
                           0.00943887047f,   1.00167406f,     2.83297682f};
// ln((1 + s) / (1 - s)) = 2 s (1 + s^2 / 3 + s^4 / 5 + ...); |s| <= 0.172.
constexpr float kLogarithm[] = {1.0f / 9.0f, 1.0f / 7.0f, 1.0f / 5.0f, 1.0f / 3.0f, 1.0f};

// -ln y for normal y in (0, 1].
HWY_INLINE Floats minus_logarithm(Floats y) {
  const FloatTag f;
  const IntTag d;
  const Ints bits = hn::BitCast(d, y);
  // y = 2^exponent times a mantissa between the roots of 1/2 and 2.
  const Ints exponent = hn::ShiftRight<23>(hn::Sub(bits, hn::Set(d, 0x3f3504f3)));
  const Floats mantissa = hn::BitCast(f, hn::Sub(bits, hn::ShiftLeft<23>(exponent)));
  const Floats s = hn::Div(hn::Sub(mantissa, set(1.0f)), hn::Add(mantissa, set(1.0f)));
  const Floats logarithm = hn::Mul(hn::Add(s, s), polynomial(kLogarithm, hn::Mul(s, s)));
  const Floats whole = hn::Mul(hn::ConvertTo(f, exponent), set(-0.693147181f));
  return hn::Sub(whole, logarithm);
}

// sqrt(2) erfinv(x) with x = (v + 1/2) / 2^31 for the word as a signed number v.
HWY_INLINE Floats normals(Ints v) {
  const FloatTag f;
  const IntTag d;
  const Floats unit = set(0x1p-31f);
  const Ints magnitude = hn::Xor(v, hn::ShiftRight<31>(v));  // |x| = (magnitude + 1/2) / 2^31
  const Ints rest = hn::Sub(hn::Set(d, 0x7fffffff), magnitude);
  const Floats x = hn::Mul(hn::Add(hn::ConvertTo(f, magnitude), set(0.5f)), unit);
  // 1 - |x| from the integers, so that the tails keep their digits.
  const Floats gap = hn::Mul(hn::Add(hn::ConvertTo(f, rest), set(0.5f)), unit);
  const Floats w = minus_logarithm(hn::Mul(gap, hn::Sub(set(2.0f), gap)));
  const Floats centre = polynomial(kCentre, hn::Sub(w, set(2.5f)));
  const Floats tail = polynomial(kTail, hn::Sub(hn::Sqrt(hn::Max(w, set(0.0f))), set(3.0f)));
  const Floats ratio = hn::IfThenElse(hn::Lt(w, set(5.0f)), centre, tail);
  const Floats size = hn::Mul(hn::Mul(ratio, x), set(1.41421356f));
  return hn::Or(size, hn::BitCast(f, hn::And(v, hn::Set(d, INT32_MIN))));
}

void normals_kernel(const std::uint32_t* words, float* out, std::size_t n) {
  const FloatTag f;
  const IntTag d;
  const WordTag w;
  std::size_t i = 0;
  for (; i + kStep <= n; i += kStep)
    hn::StoreU(normals(hn::BitCast(d, hn::LoadU(w, words + i))), f, out + i);
  if (i == n) return;
  std::uint32_t last_words[16] = {};
  float last[16];
  for (std::size_t lane = 0; i + lane < n; ++lane) last_words[lane] = words[i + lane];
  hn::StoreU(normals(hn::BitCast(d, hn::LoadU(w, last_words))), f, last);
  for (std::size_t lane = 0; i + lane < n; ++lane) out[i + lane] = last[lane];
}

}  // namespace shoal::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace shoal {

HWY_EXPORT(normals_kernel);

void normals_of_words(std::span<const std::uint32_t> words, std::span<float> out) {
  SHOAL_CHECK(words.size() == out.size(), "one word makes one number");
  HWY_DYNAMIC_DISPATCH(normals_kernel)(words.data(), out.data(), words.size());
}

}  // namespace shoal
#endif  // HWY_ONCE
