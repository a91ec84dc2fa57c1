// How k of d indices are written. All five codes hold the same increasing indices; sizes in bytes:
//
//   raw     4k                                u32 each
//   packed  ceil(k ceil(log2 d) / 8)          ceil(log2 d) bits each
//   bitmap  ceil(d / 8)                       bit i is set when i is kept
//   leb     sum of bytes of gaps              LEB128 of idx_j - idx_{j-1} - 1, with idx_{-1} = -1
//   rice    1 + ceil(sum (gap >> m) + 1 + m)/8)   Golomb-Rice of the gaps; the byte m comes first,
//                                             the quotient in ones closed by a zero, then m bits
//   auto    1 + the smallest of these         a tag byte (the place in this list) comes first
//
// Bits are filled from the least significant. k and d are known to the reader, never read.
#pragma once

#include <cstdint>
#include <span>

#include "shoal/base/bytes.h"
#include "shoal/base/settings.h"

namespace shoal {

enum class IndexCode : std::uint8_t { kRaw, kPacked, kBitmap, kLeb, kRice, kAuto };
void describe_index_code(Settings& s, IndexCode& v);

// Bytes encode_indices() will append. `indices` are increasing and below d.
std::size_t index_bytes(IndexCode code, std::span<const std::uint32_t> indices, std::size_t d);
void encode_indices(IndexCode code, std::span<const std::uint32_t> indices, std::size_t d,
                    ByteWriter& out);
// Reads indices.size() increasing indices below d and moves `bytes` behind them. Each set of
// indices has one accepted encoding per code (and per rice m): anything else is corrupt.
Status decode_indices(IndexCode code, ByteView& bytes, std::size_t d,
                      std::span<std::uint32_t> indices);

}  // namespace shoal
