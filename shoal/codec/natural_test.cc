#include "shoal/codec/natural.h"

#include <cmath>
#include <gmock/gmock.h>

#include "shoal/codec/codec_test_tools.h"

namespace shoal {
namespace {

using ::testing::HasSubstr;

TEST(Natural, PowersOfTwoAreExact) {
  const std::vector<float> row{1, -2, 0, -0.0f, 0.125f, -4, 0x1p-100f, -0x1p-122f};
  const auto codec = made("natural", NaturalSettings{});
  const Bytes bytes = message(*codec, layout_of(8), row);
  // E = 2: c = 125 for 2^0, 126 for 2^1, 122 for 2^-3, 127 for 2^2, 25 and 3.
  EXPECT_EQ(bytes, bytes_of({2, 0, 125, 128 + 126, 0, 128, 122, 128 + 127, 25, 128 + 3}));
  EXPECT_EQ(sent(*codec, layout_of(8), row), row);
  const std::vector<float> tiny{0x1p-149f, -0x1p-140f, 0};
  EXPECT_EQ(sent(*codec, layout_of(3), tiny), tiny);
}

// 2.5 lies a quarter of the way from 2 to 4; -0.875 three quarters from -0.5 to -1.
TEST(Natural, RoundsToEitherNeighbour) {
  const std::vector<float> row{2.5f, -0.875f};
  const auto codec = made("natural", NaturalSettings{});
  const int draws = 20000;
  int up0 = 0, up1 = 0;
  for (int seed = 0; seed < draws; ++seed) {
    const std::vector<float> got = sent(*codec, layout_of(2), row, std::uint64_t(seed));
    ASSERT_TRUE(got[0] == 2 || got[0] == 4);
    ASSERT_TRUE(got[1] == -0.5f || got[1] == -1);
    up0 += got[0] == 4;
    up1 += got[1] == -1;
  }
  EXPECT_NEAR(up0, 0.25 * draws, 4 * std::sqrt(0.1875 * draws));
  EXPECT_NEAR(up1, 0.75 * draws, 4 * std::sqrt(0.1875 * draws));
}

TEST(Natural, RefusesWhatHasNoPowerAbove) {
  ByteWriter out;
  const auto codec = made("natural", NaturalSettings{});
  const std::vector<float> row{1, -2e38f};
  EXPECT_THAT(codec->encode(row, layout_of(2), draws_of(1), out).error().message,
              HasSubstr("tensor 'x' index 1 is -2e+38, beyond 2^127"));
  std::vector<float> decoded(1);
  for (const Bytes& bad : {bytes_of({128, 0, 1}), bytes_of({0x6a, 0xff, 1}),  // E = 128, -150
                           bytes_of({0xff, 0xff, 1})}) {                      // 2^-1 - 126
    const Status status = codec->decode(bad, layout_of(1), draws_of(1).shared, decoded);
    EXPECT_EQ(status.ok(), bad[0] == std::byte{0xff});
  }
  EXPECT_EQ(decoded[0], 0x1p-127f);
  EXPECT_FALSE(codec->decode(bytes_of({0x6b, 0xff, 5}), layout_of(1), draws_of(1).shared, decoded)
                   .ok());  // 2^(-149 - 127 + 5)
}

}  // namespace
}  // namespace shoal
