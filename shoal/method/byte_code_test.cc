#include "shoal/method/byte_code.h"

#include <cmath>
#include <gtest/gtest.h>

namespace shoal {
namespace {

constexpr double kLeast = 3.80129e-4, kMost = 2630.69;

TEST(ByteCode, ValuesOfTheCard) {
  EXPECT_EQ(byte_of_slope(1.0), 64);
  EXPECT_EQ(byte_of_slope(-1.0), 192);
  EXPECT_EQ(byte_of_slope(0.5), 58);
  EXPECT_NEAR(slope_of_byte(58), 0.472367, 1e-6);
  EXPECT_EQ(byte_of_slope(-3.7), 202);
  EXPECT_NEAR(slope_of_byte(202), -3.490343, 1e-6);
  EXPECT_EQ(byte_of_slope(1e-5), 1);
  EXPECT_NEAR(slope_of_byte(1), kLeast, 1e-9);
  EXPECT_EQ(byte_of_slope(1e6), 127);
  EXPECT_NEAR(slope_of_byte(127), kMost, 0.01);
  EXPECT_EQ(byte_of_slope(0.0), 0);
  EXPECT_EQ(byte_of_slope(-0.0), 0);
  EXPECT_EQ(byte_of_slope(std::exp(1.0)), 72);
  EXPECT_NEAR(slope_of_byte(72), std::exp(1.0), 1e-15);
}

TEST(ByteCode, AllCodesAreFiniteAndIdempotent) {
  for (int code = 0; code < 256; ++code) {
    const double slope = slope_of_byte(static_cast<std::uint8_t>(code));
    ASSERT_TRUE(std::isfinite(slope));
    if (code % 128 == 0) {
      EXPECT_EQ(slope, 0.0);
      EXPECT_FALSE(std::signbit(slope));
      continue;
    }
    EXPECT_EQ(byte_of_slope(slope), code);
    for (const double u : {0.0, 0.3, 0.999999}) EXPECT_EQ(byte_of_slope(slope, u), code);
  }
}

TEST(ByteCode, RelativeErrorIsThatOfTheCode) {
  RandomStream stream(1, purpose("slopes"));
  double worst = 0.0;
  for (int i = 0; i < 200000; ++i) {
    const double p = std::exp(std::log(kLeast) + stream.uniform() * std::log(kMost / kLeast));
    worst = std::max(worst, std::abs(slope_of_byte(byte_of_slope(p)) - p) / p);
  }
  EXPECT_LE(worst, std::exp(1.0 / 16.0) - 1.0);
  EXPECT_GE(worst, 0.0640);  // the card: 0.06449
}

TEST(ByteCode, StochasticRoundingIsUnbiasedUpToTheLargest) {
  RandomStream stream(2, purpose("stochastic"));
  for (const double p : {1e-5, -3e-4, 0.02, -0.5, 3.7, 2000.0}) {
    double sum = 0.0;
    constexpr int kDraws = 40000;
    double largest = 0.0;
    for (int i = 0; i < kDraws; ++i) {
      const double slope = slope_of_byte(byte_of_slope(p, stream.uniform()));
      sum += slope;
      largest = std::max(largest, std::abs(slope - p));
    }
    // Two neighbours a and b: the deviation is at most half their distance.
    EXPECT_NEAR(sum / kDraws, p, 5.0 * largest / std::sqrt(double{kDraws})) << p;
  }
  EXPECT_EQ(byte_of_slope(-1e9, 0.0), 255);
}

TEST(SlopeCode, SizesAndRoundTrips) {
  RandomStream draws(3, purpose("round trip"));
  RandomStream values(4, purpose("values"));
  for (const SlopeCode code :
       {SlopeCode::kByte, SlopeCode::kByteStochastic, SlopeCode::kF32, SlopeCode::kSign})
    for (std::size_t count = 0; count < 70; ++count) {
      std::vector<double> slopes(count);
      for (double& slope : slopes) slope = 3.0 * values.normal();
      ByteWriter sent;
      encode_slopes(code, slopes, draws, sent);
      ASSERT_EQ(sent.size(), encoded_slopes_bytes(code, count));
      const auto decoded = decode_slopes(code, sent.bytes(), count);
      ASSERT_TRUE(decoded.ok());
      for (std::size_t i = 0; i < count; ++i) {
        EXPECT_EQ(std::signbit((*decoded)[i]), std::signbit(slopes[i]));
        if (code == SlopeCode::kF32) {
          EXPECT_EQ((*decoded)[i], static_cast<float>(slopes[i]));
        }
      }
      ByteWriter again;
      encode_decoded_slopes(code, *decoded, again);
      EXPECT_EQ(again.bytes(), sent.bytes());
    }
  EXPECT_EQ(encoded_slopes_bytes(SlopeCode::kSign, 9), 2u);
}

// As a row through a codec: the same bytes, and what was decoded goes out as it came in.
TEST(SlopeCode, AsACodecOfRows) {
  Layout layout;
  layout.add("slopes", {5});
  const std::vector<float> row = {0.5f, -3.0f, 0.0f, 1e-3f, 200.0f};
  for (const SlopeCode code :
       {SlopeCode::kByte, SlopeCode::kByteStochastic, SlopeCode::kF32, SlopeCode::kSign}) {
    const SlopeCodec codec(code);
    EXPECT_EQ(codec.properties(layout).lossless, code == SlopeCode::kF32);
    const Draws draws = codec_draws(1, 2, 3);
    ByteWriter sent, plain, again;
    ASSERT_TRUE(codec.encode(row, layout, draws, sent).ok());
    RandomStream own = draws.own;
    encode_slopes(code, std::vector<double>(row.begin(), row.end()), own, plain);
    EXPECT_EQ(sent.bytes(), plain.bytes());
    std::vector<float> decoded(5);
    ASSERT_TRUE(codec.decode(sent.bytes(), layout, draws.shared, decoded).ok());
    if (code == SlopeCode::kF32) {
      EXPECT_EQ(decoded, row);
    }
    ASSERT_TRUE(codec.encode(decoded, layout, draws, again).ok());
    if (code != SlopeCode::kByteStochastic) {
      EXPECT_EQ(again.bytes(), sent.bytes());
    }
    const std::vector<float> none(5, NAN);
    EXPECT_FALSE(codec.encode(none, layout, draws, again).ok());
    EXPECT_FALSE(codec.decode(Bytes(21), layout, draws.shared, decoded).ok());
  }
}

TEST(SlopeCode, MalformedBytesAreRefused) {
  const Bytes three(3);
  EXPECT_FALSE(decode_slopes(SlopeCode::kByte, three, 4).ok());
  EXPECT_FALSE(decode_slopes(SlopeCode::kF32, three, 1).ok());
  const Bytes bit_behind = {std::byte{0x10}};
  EXPECT_FALSE(decode_slopes(SlopeCode::kSign, bit_behind, 4).ok());
  EXPECT_TRUE(decode_slopes(SlopeCode::kSign, bit_behind, 5).ok());
  const float nan = std::nanf("");
  EXPECT_FALSE(
      decode_slopes(SlopeCode::kF32, std::as_bytes(std::span<const float, 1>(&nan, 1)), 1).ok());
}

TEST(SlopeCode, LargeSlopesStayFinite) {
  RandomStream draws(5, purpose("large"));
  const std::vector<double> slopes = {1e300, -1e300};
  for (const SlopeCode code : {SlopeCode::kByte, SlopeCode::kByteStochastic, SlopeCode::kF32}) {
    ByteWriter sent;
    encode_slopes(code, slopes, draws, sent);
    const auto decoded = decode_slopes(code, sent.bytes(), 2);
    ASSERT_TRUE(decoded.ok());
    EXPECT_EQ((*decoded)[0], -(*decoded)[1]);
    EXPECT_GT((*decoded)[0], 2600.0);
  }
}

}  // namespace
}  // namespace shoal
