// How quantised levels are written. A code is level << 1 | negative, as quantise.h makes it; levels
// run from 0 to s. Sizes for d of them, z not zero:
//
//   fixed   ceil(d (1 + ceil(log2(s + 1))) / 8)   the code in as many bits
//   sparse  u32 z, then for each that is not zero omega(its distance from the one before it, or
//   from
//           place -1), a sign bit, omega(level)   (QSGD, 1610.02132, with Elias' omega: elias.h)
//   dense   for each omega(level + 1), and a sign bit unless it is zero   (the same)
//   range   the range code of the levels (range_code.h), then z sign bits; for s <= 255
//   auto    a tag byte (the place in this list), then the smallest
//
// Bits are filled from the least significant. d and s are known to the reader, never read.
#pragma once

#include <cstdint>
#include <span>

#include "shoal/base/bytes.h"
#include "shoal/base/settings.h"

namespace shoal {

enum class LevelCode : std::uint8_t { kFixed, kSparse, kDense, kRange, kAuto };
void describe_level_code(Settings& s, LevelCode& v);

constexpr std::uint32_t kRangeLevelsMax = 255;

// Bits of one code, and bytes of `count` of them, under kFixed.
unsigned fixed_width(std::uint32_t levels);
std::size_t fixed_bytes(std::uint32_t levels, std::size_t count);
// Writes or reads fixed_bytes() bytes; for a multiple of 8 codes the next ones follow there.
void pack_fixed(std::span<const std::uint32_t> codes, std::uint32_t levels, std::byte* to);
Status unpack_fixed(ByteView bytes, std::uint32_t levels, std::span<std::uint32_t> codes);

// Appends the codes, at least one.
void encode_levels(LevelCode code, std::span<const std::uint32_t> codes, std::uint32_t levels,
                   ByteWriter& out);
// Reads codes.size() codes of levels up to `levels` and moves `bytes` behind them.
Status decode_levels(LevelCode code, ByteView& bytes, std::uint32_t levels,
                     std::span<std::uint32_t> codes);

}  // namespace shoal
