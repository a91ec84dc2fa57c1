#include "shoal/math/normal_row.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <vector>

#include "shoal/math/normal_quantile.h"
#include "shoal/math/random_bits.h"
#include "shoal/math/simd_test.h"

namespace shoal {
namespace {

// Words at the ends, in the middle, at the seam of the two polynomials, and many random ones.
std::vector<std::uint32_t> words_to_try() {
  std::vector<std::uint32_t> words = {0u,          1u,          2u,         0x7ffffffeu,
                                      0x7fffffffu, 0x80000000u, 0xffffffffu};
  for (std::uint32_t step = 0; step < 31; ++step) {
    words.push_back(1u << step);
    words.push_back(0x7fffffffu - (1u << step));
  }
  for (std::uint32_t at = 0; at < 2000; ++at) words.push_back(0x7f000000u + at * 8000u);
  std::vector<std::uint32_t> random(20000);
  RandomStream stream(1, purpose("words"));
  fill_bits(stream, random);
  words.insert(words.end(), random.begin(), random.end());
  return words;
}

double quantile_of_word(std::uint32_t word) {
  const double place = static_cast<double>(static_cast<std::int32_t>(word)) + 0.5;
  return normal_quantile(0.5 + place / 4294967296.0);
}

TEST(NormalRow, IsTheQuantileOnEveryTarget) {
  const auto words = words_to_try();
  std::vector<float> first;
  on_every_simd_target([&](const char* target) {
    SCOPED_TRACE(target);
    std::vector<float> found(words.size());
    normals_of_words(words, found);
    for (std::size_t i = 0; i < words.size(); ++i) {
      const double exact = quantile_of_word(words[i]);
      const double tolerance = std::abs(exact) < 5.4 ? 4e-6 * (1.0 + std::abs(exact)) : 3e-3;
      ASSERT_NEAR(found[i], exact, tolerance) << words[i];
    }
    if (first.empty()) first = found;
    ASSERT_EQ(std::memcmp(first.data(), found.data(), 4 * found.size()), 0);
  });
}

TEST(NormalRow, LengthsAndPlacesDoNotMatter) {
  const auto words = words_to_try();
  std::vector<float> whole(words.size());
  normals_of_words(words, whole);
  for (std::size_t length = 0; length < 40; ++length) {
    std::vector<float> part(length);
    normals_of_words(std::span(words).subspan(3, length), part);
    EXPECT_EQ(std::memcmp(part.data(), whole.data() + 3, 4 * length), 0) << length;
  }
}

TEST(NormalRow, IsOddAndHasTheMoments) {
  std::vector<std::uint32_t> words(1u << 20), inverted(words.size());
  RandomStream stream(2, purpose("moments"));
  fill_bits(stream, words);
  for (std::size_t i = 0; i < words.size(); ++i) inverted[i] = ~words[i];
  std::vector<float> z(words.size()), minus(words.size());
  normals_of_words(words, z);
  normals_of_words(inverted, minus);
  double mean = 0.0, second = 0.0, fourth = 0.0;
  for (std::size_t i = 0; i < z.size(); ++i) {
    ASSERT_EQ(z[i], -minus[i]);
    const double square = static_cast<double>(z[i]) * z[i];
    mean += z[i];
    second += square;
    fourth += square * square;
  }
  const auto n = static_cast<double>(z.size());
  EXPECT_NEAR(mean / n, 0.0, 5e-3);  // 5 standard errors
  EXPECT_NEAR(second / n, 1.0, 7e-3);
  EXPECT_NEAR(fourth / n, 3.0, 5e-2);
}

}  // namespace
}  // namespace shoal
