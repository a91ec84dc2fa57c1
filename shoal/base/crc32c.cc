#include "shoal/base/crc32c.h"

#include <array>
#include <bit>

namespace shoal {
namespace {

constexpr std::uint32_t kPolynomial = 0x82f63b78;  // 0x1EDC6F41, lowest bit first
constexpr std::uint32_t kMaskDelta = 0xa282ead8;

// Table k: what a byte does to the checksum with k bytes behind it.
using Tables = std::array<std::array<std::uint32_t, 256>, 8>;
constexpr Tables crc_tables() {
  Tables tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0);
    tables[0][byte] = crc;
  }
  for (std::size_t k = 1; k < tables.size(); ++k)
    for (std::size_t byte = 0; byte < 256; ++byte)
      tables[k][byte] = (tables[k - 1][byte] >> 8) ^ tables[0][tables[k - 1][byte] & 0xff];
  return tables;
}

constexpr Tables kTables = crc_tables();

}  // namespace

std::uint32_t crc32c(ByteView bytes) {
  std::uint32_t crc = ~std::uint32_t{0};
  for (; bytes.size() >= 8; bytes = bytes.subspan(8)) {
    std::uint32_t next = 0;
    for (std::size_t i = 0; i < 8; ++i) {
      const std::uint32_t mixed = i < 4 ? crc >> (8 * i) : 0;
      next ^= kTables[7 - i][(mixed ^ std::to_integer<std::uint32_t>(bytes[i])) & 0xff];
    }
    crc = next;
  }
  for (const std::byte byte : bytes)
    crc = (crc >> 8) ^ kTables[0][(crc ^ std::to_integer<std::uint32_t>(byte)) & 0xff];
  return ~crc;
}

std::uint32_t masked_crc32c(ByteView bytes) { return std::rotr(crc32c(bytes), 15) + kMaskDelta; }

}  // namespace shoal
