#include "shoal/math/quantise.h"

#include <bit>
#include <cmath>

#include "shoal/base/check.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "shoal/math/quantise.cc"
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#ifndef SHOAL_MATH_QUANTISE_ONCE
#define SHOAL_MATH_QUANTISE_ONCE
namespace shoal {
namespace {

// How round_to_powers() goes about a row.
struct PowerRounding {
  float rescale;            // a power of two that lifts small rows out of the denormal range
  std::int32_t top_field;   // exponent field of 2^top, rescaled
  std::int32_t least_bits;  // of the least power with a code, or 0 when every float has one
  float least_inverse;
};

}  // namespace
}  // namespace shoal
#endif  // SHOAL_MATH_QUANTISE_ONCE

HWY_BEFORE_NAMESPACE();
namespace shoal::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using FloatTag = HWY_CAPPED(float, 16);
using IntTag = HWY_CAPPED(std::int32_t, 16);
using WordTag = HWY_CAPPED(std::uint32_t, 16);
using ByteTag = hn::Rebind<std::uint8_t, IntTag>;
using Floats = hn::Vec<FloatTag>;
using Ints = hn::Vec<IntTag>;
using Words = hn::Vec<WordTag>;
constexpr std::size_t kStep = hn::MaxLanes(FloatTag());

// -1 where the draw is below the fraction (of 2^31), else 0.
HWY_INLINE Ints below(Words draw, Floats fraction) {
  const FloatTag f;
  const IntTag d;
  const Ints threshold = hn::NearestInt(hn::Mul(fraction, hn::Set(f, 0x1p31f)));
  const Ints shifted = hn::BitCast(d, hn::ShiftRight<1>(draw));
  return hn::VecFromMask(d, hn::Lt(shifted, threshold));
}

// Calls body(x, draws, out) register by register: blocks of 32 entries whose halves share their
// draws, then the last entries in padded copies.
template <class Out, class Body>
HWY_INLINE void for_each_block(const float* x, std::size_t n, const std::uint32_t* draws, Out* out,
                               Body body) {
  const WordTag w;
  const auto block = [&](const float* from, const std::uint32_t* with, Out* to) {
    for (std::size_t lane = 0; lane < 16; lane += kStep) {
      const Words draw = hn::LoadU(w, with + lane);
      const Words swapped = hn::Or(hn::ShiftLeft<16>(draw), hn::ShiftRight<16>(draw));
      body(from + lane, draw, to + lane);
      body(from + 16 + lane, swapped, to + 16 + lane);
    }
  };
  for (; n >= 32; n -= 32, x += 32, draws += 16, out += 32) block(x, draws, out);
  if (n == 0) return;
  float last_x[32] = {};
  std::uint32_t last_draws[16] = {};
  Out last[32];
  for (std::size_t i = 0; i < n; ++i) last_x[i] = x[i];
  for (std::size_t i = 0; i < n && i < 16; ++i) last_draws[i] = draws[i];
  block(last_x, last_draws, last);
  for (std::size_t i = 0; i < n; ++i) out[i] = last[i];
}

HWY_INLINE Words level_codes(Floats x, Floats norm, Floats levels, Words draw) {
  const FloatTag f;
  const IntTag d;
  const WordTag w;
  const Floats share = hn::Min(hn::Div(hn::Abs(x), norm), hn::Set(f, 1.0f));
  const Floats exact = hn::Mul(share, levels);
  const Ints floor = hn::ConvertTo(d, exact);
  const Ints level = hn::Sub(floor, below(draw, hn::Sub(exact, hn::ConvertTo(f, floor))));
  const Ints negative = hn::BitCast(d, hn::ShiftRight<31>(hn::BitCast(w, x)));
  const auto zero = hn::Eq(level, hn::Zero(d));
  return hn::BitCast(w, hn::Or(hn::ShiftLeft<1>(level), hn::IfThenZeroElse(zero, negative)));
}

void quantise_kernel(const float* x, std::size_t n, float norm, float levels,
                     const std::uint32_t* draws, std::uint32_t* codes) {
  const FloatTag f;
  const WordTag w;
  const Floats norms = hn::Set(f, norm), all = hn::Set(f, levels);
  for_each_block(x, n, draws, codes, [&](const float* from, Words draw, std::uint32_t* to) {
    hn::StoreU(level_codes(hn::LoadU(f, from), norms, all, draw), w, to);
  });
}

// Two factors, the second a power of two that only scales.
HWY_INLINE Floats level_values(Words code, Floats factor, Floats rescale) {
  const FloatTag f;
  const IntTag d;
  const Floats level = hn::ConvertTo(f, hn::BitCast(d, hn::ShiftRight<1>(code)));
  const Floats sign = hn::BitCast(f, hn::ShiftLeft<31>(code));
  return hn::Or(hn::Mul(hn::Mul(level, factor), rescale), sign);
}

void dequantise_kernel(const std::uint32_t* codes, std::size_t n, float factor, float rescale,
                       float* out) {
  const FloatTag f;
  const WordTag w;
  const Floats factors = hn::Set(f, factor), rescales = hn::Set(f, rescale);
  std::size_t i = 0;
  for (; i + kStep <= n; i += kStep)
    hn::StoreU(level_values(hn::LoadU(w, codes + i), factors, rescales), f, out + i);
  if (i == n) return;
  std::uint32_t last_codes[16] = {};
  float last[16];
  for (std::size_t lane = 0; i + lane < n; ++lane) last_codes[lane] = codes[i + lane];
  hn::StoreU(level_values(hn::LoadU(w, last_codes), factors, rescales), f, last);
  for (std::size_t lane = 0; i + lane < n; ++lane) out[i + lane] = last[lane];
}

void pack_signs_kernel(const float* x, std::size_t n, std::uint8_t* bits) {
  const FloatTag f;
  const Floats zero = hn::Zero(f);
  std::size_t i = 0;
  for (; i + 64 <= n; i += 64) {
    std::uint64_t word = 0;
    for (std::size_t j = 0; j < 64; j += kStep) {
      std::uint8_t some[8] = {};
      hn::StoreMaskBits(f, hn::Lt(hn::LoadU(f, x + i + j), zero), some);
      word |= std::uint64_t{static_cast<std::uint32_t>(some[0] | some[1] << 8)} << j;
    }
    hwy::CopyBytes<8>(&word, bits + i / 8);
  }
  for (; i < n; i += 8) {
    unsigned byte = 0;
    for (std::size_t j = 0; j < 8 && i + j < n; ++j) byte |= unsigned{x[i + j] < 0.0f} << j;
    bits[i / 8] = static_cast<std::uint8_t>(byte);
  }
}

void unpack_signs_kernel(const std::uint8_t* bits, float scale, std::size_t n, float* out) {
  const WordTag w;
  const FloatTag f;
  const Words ones = hn::BitCast(w, hn::Set(f, scale));
  HWY_ALIGN std::uint32_t place[16];
  for (std::uint32_t lane = 0; lane < 16; ++lane) place[lane] = 1u << lane;
  const Words select = hn::LoadU(w, place);
  std::size_t i = 0;
  for (; i + 64 <= n; i += 64) {
    std::uint64_t word;
    hwy::CopyBytes<8>(bits + i / 8, &word);
    for (std::size_t j = 0; j < 64; j += kStep) {
      const Words some = hn::Set(w, static_cast<std::uint32_t>((word >> j) & 0xffff));
      const Words set = hn::VecFromMask(w, hn::TestBit(some, select));
      hn::StoreU(hn::BitCast(f, hn::Xor(ones, hn::ShiftLeft<31>(set))), f, out + i + j);
    }
  }
  for (; i < n; ++i) out[i] = bits[i / 8] >> i % 8 & 1 ? -scale : scale;
}

HWY_INLINE Ints power_bytes(Floats x, Words draw, const PowerRounding& rounding) {
  const FloatTag f;
  const IntTag d;
  const WordTag w;
  const Ints zero = hn::Zero(d);
  const Floats magnitude = hn::Abs(hn::Mul(x, hn::Set(f, rounding.rescale)));
  const Ints bits = hn::BitCast(d, magnitude);
  // Adding a uniform mantissa carries into the exponent with just the right probability: when the
  // draw lies below the mantissa.
  const Ints field =
      hn::ShiftRight<23>(hn::Add(bits, hn::BitCast(d, hn::ShiftRight<9>(hn::Not(draw)))));
  const Ints code =
      hn::IfThenZeroElse(hn::Eq(field, zero), hn::Sub(field, hn::Set(d, rounding.top_field - 127)));
  const Ints tiny_code =
      hn::Sub(zero, below(draw, hn::Min(hn::Mul(magnitude, hn::Set(f, rounding.least_inverse)),
                                        hn::Set(f, 0x1.fffffep-1f))));
  const auto tiny = hn::Lt(bits, hn::Set(d, rounding.least_bits));
  const Words sign = hn::ShiftLeft<7>(hn::ShiftRight<31>(hn::BitCast(w, x)));
  return hn::Or(hn::IfThenElse(tiny, tiny_code, code), hn::BitCast(d, sign));
}

void round_to_powers_kernel(const float* x, std::size_t n, const PowerRounding& rounding,
                            const std::uint32_t* draws, std::uint8_t* bytes) {
  const FloatTag f;
  const ByteTag b;
  for_each_block(x, n, draws, bytes, [&](const float* from, Words draw, std::uint8_t* to) {
    hn::StoreU(hn::DemoteTo(b, power_bytes(hn::LoadU(f, from), draw, rounding)), b, to);
  });
}

}  // namespace shoal::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace shoal {

HWY_EXPORT(quantise_kernel);
HWY_EXPORT(dequantise_kernel);
HWY_EXPORT(pack_signs_kernel);
HWY_EXPORT(unpack_signs_kernel);
HWY_EXPORT(round_to_powers_kernel);

namespace {

constexpr const char* kEqualLength = "spans of one kernel call have equal length";

}  // namespace

void quantise_levels(Row x, float norm, std::uint32_t levels, std::span<const std::uint32_t> draws,
                     std::span<std::uint32_t> codes) {
  SHOAL_CHECK(draw_words(x.size()) == draws.size() && x.size() == codes.size(), kEqualLength);
  SHOAL_CHECK(norm > 0.0f && levels < 1u << 23, "levels of a positive norm, exact as floats");
  HWY_DYNAMIC_DISPATCH(quantise_kernel)
  (x.data(), x.size(), norm, static_cast<float>(levels), draws.data(), codes.data());
}

void dequantise_levels(std::span<const std::uint32_t> codes, float norm, std::uint32_t levels,
                       std::span<float> out) {
  SHOAL_CHECK(codes.size() == out.size(), kEqualLength);
  const float lift = norm < 0x1p-60f ? 0x1p64f : 1.0f;
  const auto factor = static_cast<float>(static_cast<double>(norm) * static_cast<double>(lift) /
                                         static_cast<double>(levels));
  HWY_DYNAMIC_DISPATCH(dequantise_kernel)
  (codes.data(), codes.size(), factor, 1.0f / lift, out.data());
}

void pack_signs(Row x, std::byte* bits) {
  HWY_DYNAMIC_DISPATCH(pack_signs_kernel)
  (x.data(), x.size(), reinterpret_cast<std::uint8_t*>(bits));
}

void unpack_signs(const std::byte* bits, float scale, std::span<float> out) {
  HWY_DYNAMIC_DISPATCH(unpack_signs_kernel)
  (reinterpret_cast<const std::uint8_t*>(bits), scale, out.size(), out.data());
}

void round_to_powers(Row x, int top, std::span<const std::uint32_t> draws,
                     std::span<std::uint8_t> bytes) {
  SHOAL_CHECK(draw_words(x.size()) == draws.size() && x.size() == bytes.size(), kEqualLength);
  SHOAL_CHECK(-149 <= top && top <= 127, "2^top is a float");
  const int lift = top < -30 ? 96 : 0;
  PowerRounding rounding{};
  rounding.rescale = lift > 0 ? 0x1p96f : 1.0f;
  rounding.top_field = top + lift + 127;
  const int least_field = rounding.top_field - 126;
  rounding.least_bits = least_field > 0 ? least_field << 23 : 0;
  rounding.least_inverse =
      least_field > 0 ? 1.0f / std::bit_cast<float>(rounding.least_bits) : 0.0f;
  HWY_DYNAMIC_DISPATCH(round_to_powers_kernel)
  (x.data(), x.size(), rounding, draws.data(), bytes.data());
}

}  // namespace shoal
#endif  // HWY_ONCE
