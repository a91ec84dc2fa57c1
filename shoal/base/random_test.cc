#include "shoal/base/random.h"

#include <cmath>
#include <gtest/gtest.h>
#include <numeric>
#include <set>

#include "shoal/base/portable_math.h"

namespace shoal {
namespace {

TEST(Random, PhiloxKnownAnswer) {
  // Random123's kat_vectors: philox4x32-10, zero counter and key.
  RandomStream stream(0, Purpose{0}, 0, 0);
  EXPECT_EQ(stream.bits32(), 0x6627e8d5u);
  EXPECT_EQ(stream.bits32(), 0xe169c58du);
  EXPECT_EQ(stream.bits32(), 0xbc57ac4cu);
  EXPECT_EQ(stream.bits32(), 0x9b00dbd8u);
}

TEST(Random, StreamsDifferInEveryKeyPart) {
  std::set<std::uint64_t> seen;
  seen.insert(RandomStream(1, purpose("a"), 2, 3).bits64());
  seen.insert(RandomStream(2, purpose("a"), 2, 3).bits64());
  seen.insert(RandomStream(1, purpose("b"), 2, 3).bits64());
  seen.insert(RandomStream(1, purpose("a"), 3, 3).bits64());
  seen.insert(RandomStream(1, purpose("a"), 2, 4).bits64());
  EXPECT_EQ(seen.size(), 5u);
}

TEST(Random, NormalMoments) {
  RandomStream stream(7, purpose("normal"));
  constexpr int kDraws = 400000;
  double sum = 0, square = 0, fourth = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double x = stream.normal();
    sum += x;
    square += x * x;
    fourth += x * x * x * x;
  }
  EXPECT_NEAR(sum / kDraws, 0.0, 4.0 / std::sqrt(kDraws));
  EXPECT_NEAR(square / kDraws, 1.0, 4.0 * std::sqrt(2.0 / kDraws));
  EXPECT_NEAR(fourth / kDraws, 3.0, 4.0 * std::sqrt(96.0 / kDraws));
}

TEST(Random, GammaMomentsAboveAndBelowOne) {
  constexpr int kDraws = 200000;
  for (const double alpha : {0.1, 0.5, 1.0, 2.5, 40.0}) {
    RandomStream stream(11, purpose("gamma"));
    double sum = 0, square = 0;
    for (int i = 0; i < kDraws; ++i) {
      const double x = stream.gamma(alpha);
      sum += x;
      square += x * x;
    }
    const double mean = sum / kDraws;
    const double kurtosis_scale = alpha * std::sqrt((2.0 + 6.0 / alpha) / kDraws);
    EXPECT_NEAR(mean, alpha, 4.0 * std::sqrt(alpha / kDraws)) << alpha;
    EXPECT_NEAR(square / kDraws - mean * mean, alpha, 5.0 * kurtosis_scale) << alpha;
  }
}

TEST(Random, DirichletSecondMoment) {
  // E[sum p^2] = (alpha + 1) / (C alpha + 1).
  constexpr int kDraws = 100000;
  for (const auto& [alpha, expected] : std::vector<std::pair<double, double>>{
           {0.001, 0.9910891}, {0.1, 0.55}, {0.5, 0.25}, {1.0, 0.1818182}, {100.0, 0.1008991}}) {
    RandomStream stream(3, purpose("dirichlet"));
    const std::vector<double> concentration(10, alpha);
    double total = 0;
    for (int i = 0; i < kDraws; ++i) {
      const auto p = stream.dirichlet(concentration);
      const double square = std::inner_product(p.begin(), p.end(), p.begin(), 0.0);
      ASSERT_TRUE(std::isfinite(square));
      total += square;
    }
    EXPECT_NEAR(total / kDraws / expected, 1.0, 0.01) << alpha;
  }
}

TEST(Random, PermutationAndSampleAreUniform) {
  constexpr int kDraws = 60000;
  std::vector<int> first(6), pairs(15);
  RandomStream stream(5, purpose("permutation"));
  for (int i = 0; i < kDraws; ++i) {
    ++first[stream.permutation(6)[0]];
    const auto sample = stream.sample(6, 2);
    ASSERT_LT(sample[0], sample[1]);
    ASSERT_LT(sample[1], 6u);
    ++pairs[sample[1] * (sample[1] - 1) / 2 + sample[0]];
  }
  for (const int count : first) EXPECT_NEAR(count, kDraws / 6.0, 5 * std::sqrt(kDraws / 6.0));
  for (const int count : pairs) EXPECT_NEAR(count, kDraws / 15.0, 5 * std::sqrt(kDraws / 15.0));
  EXPECT_EQ(stream.sample(4, 4), (std::vector<std::uint32_t>{0, 1, 2, 3}));
}

TEST(Random, BelowIsUnbiasedOnAwkwardBounds) {
  RandomStream stream(9, purpose("below"));
  const std::uint64_t bound = (std::uint64_t{1} << 63) + 1;
  int high = 0;
  for (int i = 0; i < 20000; ++i) high += stream.below(bound) >= bound / 2 ? 1 : 0;
  EXPECT_NEAR(high, 10000, 5 * std::sqrt(5000.0));
  EXPECT_EQ(stream.below(1), 0u);
}

TEST(PortableMath, AgreesWithTheLibrary) {
  RandomStream stream(1, purpose("math"));
  for (int i = 0; i < 200000; ++i) {
    const double x = std::ldexp(0.5 + stream.uniform(), static_cast<int>(stream.below(200)) - 100);
    const double expected = std::log(x);
    EXPECT_NEAR(portable_log(x), expected, 4e-16 * std::abs(expected) + 1e-18) << x;
    const double y = 1400 * stream.uniform() - 700;
    EXPECT_NEAR(portable_exp(y) / std::exp(y), 1.0, 1e-15) << y;
  }
  EXPECT_EQ(portable_log(1.0), 0.0);
  EXPECT_EQ(portable_exp(0.0), 1.0);
  EXPECT_EQ(portable_exp(-1e9), 0.0);
}

}  // namespace
}  // namespace shoal
