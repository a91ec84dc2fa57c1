// CRC-32C (Castagnoli), the checksum of journals, of feedback's shifts and of TFRecord files:
// polynomial 0x1EDC6F41, reflected, with ones in and out. Eight bytes a turn, a look-up each
// (slicing-by-8, Kounavis and Berry 2005).
#pragma once

#include <cstdint>

#include "shoal/base/bytes.h"

namespace shoal {

std::uint32_t crc32c(ByteView bytes);

// Rotated and shifted, as TFRecord stores it, so that a checksum of checksums stays a good one.
std::uint32_t masked_crc32c(ByteView bytes);

}  // namespace shoal
