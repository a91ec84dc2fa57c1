// Many random words at once: the numbers of RandomStream::bits32(), made several blocks a time.
//
// Philox4x32-10 (Salmon et al., SC 2011) turns each counter into four words on its own, so blocks
// side by side in SIMD registers give the same numbers on every target.
#pragma once

#include <cstdint>
#include <span>

#include "shoal/base/random.h"

namespace shoal {

// out[i] = stream.bits32() for every i in turn, and leaves the stream where that would.
void fill_bits(RandomStream& stream, std::span<std::uint32_t> out);

}  // namespace shoal
