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

}  // namespace
}  // namespace shoal
