// Elias omega codes (Elias 1975): 1 -> 0, 2 -> 100, 3 -> 110, 4 -> 101000, ...
//
// Groups of bits, each the length of the next one less one and the last one the number, closed by a
// zero. Codewords are written first bit first.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "shoal/codec/bits.h"

namespace shoal {

struct OmegaWord {
  std::uint64_t bits = 0;  // the first one lowest
  unsigned length = 0;     // <= 43
};

// The `count` low bits of value the other way round.
constexpr std::uint32_t reversed_bits(std::uint32_t value, unsigned count) {
  std::uint32_t reversed = 0;
  for (unsigned bit = 0; bit < count; ++bit) reversed |= (value >> bit & 1u) << (count - 1 - bit);
  return reversed;
}

// n >= 1.
constexpr OmegaWord omega_word(std::uint32_t n) {
  OmegaWord word{0, 1};
  while (n > 1) {
    const auto length = static_cast<unsigned>(std::bit_width(n));
    word.bits = word.bits << length | reversed_bits(n, length);
    word.length += length;
    n = length - 1;
  }
  return word;
}

// Those of small numbers, which most levels and gaps are.
inline constexpr std::uint32_t kOmegaWords = 256;
inline constexpr auto kSmallOmegaWords = [] {
  std::array<OmegaWord, kOmegaWords> words{};
  for (std::uint32_t n = 1; n < kOmegaWords; ++n) words[n] = omega_word(n);
  return words;
}();

inline OmegaWord quick_omega_word(std::uint32_t n) {
  return n < kOmegaWords ? kSmallOmegaWords[n] : omega_word(n);
}
inline unsigned omega_length(std::uint32_t n) { return quick_omega_word(n).length; }

inline void write_omega(std::uint32_t n, BitWriter& out) {
  const OmegaWord word = quick_omega_word(n);
  const unsigned first = word.length < 32 ? word.length : 32;
  out.bits(static_cast<std::uint32_t>(word.bits), first);
  if (word.length > first) out.bits(static_cast<std::uint32_t>(word.bits >> 32), word.length - 32);
}

// False when the bits end within the codeword or the number is above 2^32 - 1.
inline bool read_omega(BitReader& in, std::uint32_t& n) {
  n = 1;
  for (;;) {
    std::uint32_t more = 0;
    if (!in.bits(1, more)) return false;
    if (more == 0) return true;
    if (n > 31) return false;
    const unsigned length = n;
    std::uint32_t rest = 0;
    if (!in.bits(length, rest)) return false;
    n = 1u << length | reversed_bits(rest, length);
  }
}

}  // namespace shoal
