// Kernels that turn floats into few bits, with random rounding where a codec asks for it.
//
// Random words are the larger part of the work, so entries share them in pairs: of every 32 entries
// the first 16 take a word each, and the next 16 the same words with their halves swapped
// (draw_of()). Each entry by itself has a uniform draw of 31 bits, so its mean is off by at most
// 2^-32 of the distance between the two candidates; two that share a word are independent but for
// chances of 2^-16, which touches neither means nor the sum of variances.
//
// The result is a pure function of the row and the draws, with the same bits on every SIMD target.
// Rows are finite; spans of one call have equal length, and draws draw_words() of it (checked).
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "shoal/math/vector.h"

namespace shoal {

// Random words for n entries.
constexpr std::size_t draw_words(std::size_t n) {
  return n / 32 * 16 + std::min<std::size_t>(n % 32, 16);
}
// What entry i is rounded with.
constexpr std::uint32_t draw_of(std::span<const std::uint32_t> draws, std::size_t i) {
  return std::rotl(draws[i / 32 * 16 + i % 16], i % 32 < 16 ? 0 : 16);
}

// Levels of QSGD (1610.02132): a = |x_i| / norm * levels, rounded down or, with probability
// a - floor(a), up; codes[i] = level << 1 | (x_i < 0), and 0 for level 0. norm > 0; levels < 2^23.
// Quotients above 1 count as 1, so that a norm below max |x_i| clips the row.
void quantise_levels(Row x, float norm, std::uint32_t levels, std::span<const std::uint32_t> draws,
                     std::span<std::uint32_t> codes);
// out[i] = sign * level * norm / levels, rounded to float once or twice, without an overflow or
// underflow on the way. levels * (norm / levels) must not overflow.
void dequantise_levels(std::span<const std::uint32_t> codes, float norm, std::uint32_t levels,
                       std::span<float> out);

// Bit i % 8 of bits[i / 8] is set when x_i < 0; ceil(n / 8) bytes, the last one filled with zeros.
void pack_signs(Row x, std::byte* bits);
// out[i] = -scale where the bit is set, else scale.
void unpack_signs(const std::byte* bits, float scale, std::span<float> out);

// Natural compression (1905.10988): |x_i| between two powers of two goes to either, unbiased. The
// byte of entry i holds its sign in the top bit and, below, 0 for zero or c for 2^(top - 127 + c);
// 2^top is at least every |x_i|. Entries below 2^(top - 126) become that or 0, unbiased as well; so
// do denormal ones become 2^-126 or 0 when top >= -30.
void round_to_powers(Row x, int top, std::span<const std::uint32_t> draws,
                     std::span<std::uint8_t> bytes);

}  // namespace shoal
