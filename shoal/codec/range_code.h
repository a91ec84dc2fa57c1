// Range code: symbols in about as many bits as their entropy (asymmetric numeral systems, Duda
// 2013, 1311.2540, with two interleaved 32-bit states that move 16 bits at a time). The frequencies
// are those of the message itself and are part of it.
//
// Bytes: u8 the largest symbol; for 0 up to it its frequency out of 4096 as LEB128 (1 or 2 bytes);
// two u32 states; u16 words until the symbols are complete. The number of symbols is known to the
// reader, never read. O(n), about 2 ns a symbol.
#pragma once

#include <cstdint>
#include <span>

#include "shoal/base/bytes.h"

namespace shoal {

void range_encode(std::span<const std::uint8_t> symbols, ByteWriter& out);
// Reads symbols.size() symbols up to `largest` and moves `bytes` behind them.
Status range_decode(ByteView& bytes, std::uint8_t largest, std::span<std::uint8_t> symbols);

}  // namespace shoal
