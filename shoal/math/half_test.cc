#include "shoal/math/half.h"

#include <cmath>
#include <gtest/gtest.h>

#include "shoal/base/random.h"

namespace shoal {
namespace {

// The value of a 16-bit float from its definition.
double value_of(std::uint16_t bits, int exponent_bits) {
  const int fraction_bits = 15 - exponent_bits, bias = (1 << (exponent_bits - 1)) - 1;
  const int exponent = bits >> fraction_bits & ((1 << exponent_bits) - 1);
  const int fraction = bits & ((1 << fraction_bits) - 1);
  const double magnitude =
      exponent == 0 ? std::ldexp(fraction, 1 - bias - fraction_bits)
                    : std::ldexp(fraction + (1 << fraction_bits), exponent - bias - fraction_bits);
  return bits & 0x8000 ? -magnitude : magnitude;
}

TEST(Half, AllFiniteValuesSurvive) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    if ((half & 0x7fff) < kHalfInfinity) {
      ASSERT_EQ(double(from_half(half)), value_of(half, 5));
      ASSERT_EQ(to_half(from_half(half)), half);
    }
    if ((half & 0x7fff) < kBfloatInfinity) {
      ASSERT_EQ(double(from_bfloat(half)), value_of(half, 8));
      ASSERT_EQ(to_bfloat(from_bfloat(half)), half);
    }
  }
}

// Nearest of the two neighbours, ties to the even one, for midpoints and random values.
TEST(Half, RoundsToNearestEven) {
  RandomStream stream(1, purpose("half"));
  for (std::uint32_t low = 0; low < 0x7bff; ++low) {
    const double below = value_of(static_cast<std::uint16_t>(low), 5);
    const double above = value_of(static_cast<std::uint16_t>(low + 1), 5);
    const float middle = static_cast<float>((below + above) / 2);
    EXPECT_EQ(to_half(middle), low + (low & 1));
    const float between = static_cast<float>(below + (above - below) * stream.uniform());
    if (between == middle) continue;
    EXPECT_EQ(to_half(between), between < middle ? low : low + 1);
    EXPECT_EQ(to_half(-between), 0x8000u | (between < middle ? low : low + 1));
  }
  for (std::uint32_t low = 0; low < 0x7f7f; ++low) {
    const double below = value_of(static_cast<std::uint16_t>(low), 8);
    const double above = value_of(static_cast<std::uint16_t>(low + 1), 8);
    const float middle = static_cast<float>((below + above) / 2);
    EXPECT_EQ(to_bfloat(middle), low + (low & 1));
  }
}

TEST(Half, OverflowsToInfinity) {
  EXPECT_EQ(to_half(65504.0f), 0x7bff);
  EXPECT_EQ(to_half(65519.99f), 0x7bff);
  EXPECT_EQ(to_half(65520.0f), kHalfInfinity);
  EXPECT_EQ(to_half(-1e30f), 0x8000 | kHalfInfinity);
  EXPECT_EQ(to_bfloat(3.4e38f), kBfloatInfinity);
  EXPECT_TRUE(std::signbit(from_half(to_half(-0.0f))));
}

}  // namespace
}  // namespace shoal
