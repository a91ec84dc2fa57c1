// Many standard normal numbers at once, from random words: what regenerates a long random direction
// on every machine with the same bits.
//
// Word w stands for the point u = (w + 1/2) / 2^32 of (0, 1), shifted so that w = 0 is just above
// the middle, and gives Phi^-1(u) in float: erfinv by Giles' single-precision polynomials
// (Approximating the erfinv function, GPU Computing Gems 2, 2010) over a logarithm of our own. Only
// IEEE additions, multiplications, divisions and roots in a fixed order, so every SIMD target gives
// the same bits. Within 4e-6 (1 + |z|) of the quantile; |z| <= 6.24; odd: ~w gives minus w's
// number.
//
// normal_quantile.h is the accurate and slow sibling; RandomStream::normal() draws other numbers.
#pragma once

#include <cstdint>
#include <span>

namespace shoal {

// out[i] is the number of words[i]; both have the same length (checked).
void normals_of_words(std::span<const std::uint32_t> words, std::span<float> out);

}  // namespace shoal
