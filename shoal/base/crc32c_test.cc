#include "shoal/base/crc32c.h"

#include <gtest/gtest.h>
#include <string>

namespace shoal {
namespace {

// Known answers: the check value of the CRC catalogue, and RFC 3720, appendix B.4.
TEST(Crc32c, KnownAnswers) {
  EXPECT_EQ(crc32c(as_bytes("123456789")), 0xe3069283u);
  EXPECT_EQ(crc32c({}), 0u);
  EXPECT_EQ(crc32c(as_bytes(std::string(32, '\0'))), 0x8a9136aau);
  EXPECT_EQ(crc32c(as_bytes(std::string(32, '\xff'))), 0x62a8ab43u);
  std::string ascending;
  for (char c = 0; c < 32; ++c) ascending += c;
  EXPECT_EQ(crc32c(as_bytes(ascending)), 0x46dd794eu);
  EXPECT_EQ(crc32c(as_bytes(std::string(ascending.rbegin(), ascending.rend()))), 0x113fdb5cu);
}

// Any length and beginning, against the definition bit by bit.
TEST(Crc32c, IsTheRemainder) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += static_cast<char>(37 * i + i / 7);
  for (std::size_t begin = 0; begin < 9; ++begin)
    for (std::size_t size = 0; begin + size <= text.size(); ++size) {
      std::uint32_t crc = 0xffffffff;
      for (const char c : text.substr(begin, size)) {
        crc ^= static_cast<unsigned char>(c);
        for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78u : 0u);
      }
      ASSERT_EQ(crc32c(as_bytes(text).subspan(begin, size)), ~crc) << begin << " " << size;
    }
}

}  // namespace
}  // namespace shoal
