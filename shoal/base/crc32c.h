// CRC-32C (Castagnoli), the checksum of journals and of TFRecord files: polynomial 0x1EDC6F41,
// reflected, with ones in and out. A table and one look-up a byte: both are small beside models.
#pragma once

#include <cstdint>

#include "shoal/base/bytes.h"

namespace shoal {

std::uint32_t crc32c(ByteView bytes);

// Rotated and shifted, as TFRecord stores it, so that a checksum of checksums stays a good one.
std::uint32_t masked_crc32c(ByteView bytes);

}  // namespace shoal
