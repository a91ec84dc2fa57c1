#include "shoal/math/quantise.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <limits>
#include <vector>

#include "shoal/math/random_bits.h"
#include "shoal/math/simd_test.h"

namespace shoal {
namespace {

const std::size_t kSizes[] = {0, 1, 5, 8, 15, 16, 17, 63, 64, 65, 200, 1001};

// Normal values over many magnitudes, zeros of both signs and denormals.
std::vector<float> random_row(std::size_t n, std::uint64_t seed) {
  RandomStream stream(seed, purpose("quantise test"));
  std::vector<float> row(n);
  for (float& value : row) {
    value = static_cast<float>(stream.normal() * std::ldexp(1.0, -int(stream.below(140))));
    if (stream.below(10) == 0) value = stream.below(2) == 0 ? -0.0f : 0.0f;
  }
  return row;
}

std::vector<std::uint32_t> random_draws(std::size_t n) {
  RandomStream stream(9, purpose("draws"));
  std::vector<std::uint32_t> draws(draw_words(n));
  fill_bits(stream, draws);
  return draws;
}

TEST(Quantise, LevelsAreRoundedWithTheirFraction) {
  on_every_simd_target([](const char* target) {
    SCOPED_TRACE(target);
    for (const std::size_t n : kSizes)
      for (const std::uint32_t levels : {1u, 4u, 127u, 65535u}) {
        const std::vector<float> row = random_row(n, n);
        const auto draws = random_draws(n);
        std::vector<std::uint32_t> codes(n, 99);
        const float norm = 1.7f;  // below some of the entries, which are clipped
        quantise_levels(row, norm, levels, draws, codes);
        for (std::size_t i = 0; i < n; ++i) {
          const float exact = std::min(std::abs(row[i]) / norm, 1.0f) * float(levels);
          const float floor = std::floor(exact);
          const bool up =
              double(draw_of(draws, i) >> 1) < std::nearbyint(double(exact - floor) * 0x1p31);
          const auto level = static_cast<std::uint32_t>(floor) + up;
          ASSERT_EQ(codes[i], level == 0 ? 0 : level << 1 | (row[i] < 0)) << i;
        }
      }
  });
}

TEST(Quantise, LevelsComeBackAsSharesOfTheNorm) {
  on_every_simd_target([](const char* target) {
    SCOPED_TRACE(target);
    for (const float norm : {0.0f, 1.3f, 3e38f, 1e-30f, 1e-44f})
      for (const std::uint32_t levels : {1u, 3u, 127u, 65535u}) {
        std::vector<std::uint32_t> codes;
        for (std::uint32_t i = 0; i < 70; ++i)
          codes.push_back((i * 7919 % (levels + 1)) << 1 | i % 2);
        codes.push_back(levels << 1);
        std::vector<float> out(codes.size());
        dequantise_levels(codes, norm, levels, out);
        for (std::size_t i = 0; i < codes.size(); ++i) {
          const double exact =
              (codes[i] & 1 ? -1.0 : 1.0) * double(norm) * (codes[i] >> 1) / levels;
          ASSERT_NEAR(out[i], exact, std::abs(exact) * 0x1p-22 + 0x1p-149);
        }
      }
  });
}

TEST(Quantise, SignsAreBits) {
  on_every_simd_target([](const char* target) {
    SCOPED_TRACE(target);
    for (const std::size_t n : kSizes) {
      const std::vector<float> row = random_row(n, n + 1);
      std::vector<std::byte> bits((n + 7) / 8, std::byte{0xff});
      pack_signs(row, bits.data());
      std::vector<float> out(n);
      unpack_signs(bits.data(), 2.5f, out);
      for (std::size_t i = 0; i < 8 * bits.size(); ++i) {
        const bool set = (bits[i / 8] >> i % 8 & std::byte{1}) != std::byte{0};
        ASSERT_EQ(set, i < n && row[i] < 0) << i;
        if (i < n) {
          ASSERT_EQ(out[i], row[i] < 0 ? -2.5f : 2.5f);
        }
      }
    }
  });
}

// 16 words for 32 entries; the last ones take what they need.
TEST(Quantise, EntriesShareWordsInPairs) {
  EXPECT_EQ(draw_words(5), 5u);
  EXPECT_EQ(draw_words(20), 16u);
  EXPECT_EQ(draw_words(33), 17u);
  const auto draws = random_draws(100);
  EXPECT_EQ(draw_of(draws, 3), draws[3]);
  EXPECT_EQ(draw_of(draws, 32 + 19), draws[19] << 16 | draws[19] >> 16);
}

// What a byte of round_to_powers stands for.
double power_of(std::uint8_t byte, int top) {
  const int code = byte & 0x7f;
  const double magnitude = code == 0 ? 0.0 : std::ldexp(1.0, top - 127 + code);
  return byte & 0x80 ? -magnitude : magnitude;
}

// Every entry goes to one of the two powers around it (or to itself), up just when the draw lies
// below its distance from the lower one.
TEST(Quantise, PowersAreTheNeighbours) {
  on_every_simd_target([](const char* target) {
    SCOPED_TRACE(target);
    for (const std::size_t n : kSizes)
      for (const double size : {1.0, 1e30, 1e-20, 1e-40}) {
        std::vector<float> row = random_row(n, n + 2);
        float largest = 0;
        for (float& value : row) {
          value = static_cast<float>(value * size);
          largest = std::max(largest, std::abs(value));
        }
        int top = -149;
        while (std::ldexp(1.0, top) < largest) ++top;
        const auto draws = random_draws(n);
        std::vector<std::uint8_t> bytes(n);
        round_to_powers(row, top, draws, bytes);
        for (std::size_t i = 0; i < n; ++i) {
          const double got = std::abs(power_of(bytes[i], top)), x = std::abs(double(row[i]));
          ASSERT_EQ(bytes[i] >> 7, std::signbit(row[i]));
          if (x == 0) {
            ASSERT_EQ(got, 0);
            continue;
          }
          double lower = std::ldexp(1.0, std::ilogb(x)), upper = 2 * lower;
          const double least =
              std::max(std::ldexp(1.0, top - 126), top < -30 ? 0x1p-149 : 0x1p-126);
          if (x < least) lower = 0, upper = least;
          ASSERT_TRUE(got == lower || got == upper) << x << " became " << got;
          const double share = (x - lower) / (upper - lower), draw = draw_of(draws, i) * 0x1p-32;
          if (std::abs(share - draw) > 1e-6) {
            ASSERT_EQ(got == upper && got != lower, draw < share);
          }
        }
      }
  });
}

}  // namespace
}  // namespace shoal
