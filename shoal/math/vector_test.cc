#include "shoal/math/vector.h"

#include <bit>
#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <vector>

#include "shoal/base/random.h"
#include "shoal/math/simd_test.h"
#include "shoal/math/vector_reference.h"

namespace shoal {
namespace {

// Normal values over a wide range of magnitudes, with zeros, -0 and denormals among them.
std::vector<float> random_row(std::size_t n, std::uint32_t seed) {
  RandomStream stream(seed, purpose("vector test"));
  std::vector<float> row(n);
  for (float& value : row) {
    value = static_cast<float>(stream.normal() * std::ldexp(1.0, int(stream.below(20)) - 10));
    switch (stream.below(50)) {
      case 0:
        value = 0.0f;
        break;
      case 1:
        value = -0.0f;
        break;
      case 2:
        value = std::numeric_limits<float>::denorm_min() * float(stream.below(1000));
        break;
      default:
        break;
    }
  }
  return row;
}

void expect_same_bits(const std::vector<float>& left, const std::vector<float>& right) {
  ASSERT_EQ(left.size(), right.size());
  for (std::size_t i = 0; i < left.size(); ++i)
    ASSERT_EQ(std::bit_cast<std::uint32_t>(left[i]), std::bit_cast<std::uint32_t>(right[i])) << i;
}

const std::size_t kSizes[] = {0, 1, 2, 7, 15, 16, 17, 31, 64, 1023, 1024, 1025, 3001, 20000};

TEST(Vector, SeveralTargetsRun) {
  int targets = 0;
  on_every_simd_target([&](const char*) { ++targets; });
  EXPECT_GE(targets, 1);
  RecordProperty("targets", targets);
}

TEST(Vector, ElementwiseKernelsMatchTheReferenceBitForBit) {
  on_every_simd_target([&](const char* target) {
    SCOPED_TRACE(target);
    for (const std::size_t n : kSizes) {
      const std::vector<float> x = random_row(n, 1), y = random_row(n, 2);
      std::vector<float> got = y, want = y;
      axpy(-1.7f, x, got);
      reference::axpy(-1.7f, x, want);
      expect_same_bits(got, want);
      scale(0.3f, got);
      reference::scale(0.3f, want);
      expect_same_bits(got, want);
      scaled_sum(1.1f, x, -0.9f, y, got);
      reference::scaled_sum(1.1f, x, -0.9f, y, want);
      expect_same_bits(got, want);
      got = x;  // in place
      scaled_sum(1.1f, got, -0.9f, y, got);
      expect_same_bits(got, want);
    }
  });
}

TEST(Vector, WeightedSumMatchesTheReferenceBitForBit) {
  on_every_simd_target([&](const char* target) {
    SCOPED_TRACE(target);
    for (const std::size_t n : kSizes) {
      std::vector<std::vector<float>> held;
      for (std::uint32_t i = 0; i < 7; ++i) held.push_back(random_row(n, 10 + i));
      const std::vector<Row> rows(held.begin(), held.end());
      const std::vector<double> weights{0.1, 0.3, -0.2, 0.5, 1.0 / 3, 0, 0.25};
      std::vector<float> got(n), want(n);
      weighted_sum(rows, weights, got);
      reference::weighted_sum(rows, weights, want);
      expect_same_bits(got, want);
    }
  });
}

TEST(Vector, ReductionsMatchTheReferenceBitForBit) {
  on_every_simd_target([&](const char* target) {
    SCOPED_TRACE(target);
    for (const std::size_t n : kSizes) {
      const std::vector<float> x = random_row(n, 3), y = random_row(n, 4);
      EXPECT_EQ(dot(x, y), reference::dot(x, y)) << n;
      EXPECT_EQ(squared_distance(x, y), reference::squared_distance(x, y)) << n;
      EXPECT_EQ(dot_float(x, y), reference::dot_float(x, y)) << n;
      EXPECT_EQ(squared_distance_float(x, y), reference::squared_distance_float(x, y)) << n;
      EXPECT_EQ(squared_norm(x), reference::dot(x, x)) << n;
      EXPECT_EQ(squared_norm_float(x), reference::dot_float(x, x)) << n;
      EXPECT_EQ(sum(x), reference::sum(x)) << n;
      EXPECT_EQ(absolute_sum(x), reference::absolute_sum(x)) << n;
      EXPECT_EQ(max_abs(x), reference::max_abs(x)) << n;
    }
  });
}

// Against sums in long double: double lanes to 1e-14, float lanes to their stated bound.
TEST(Vector, ReductionsAreAccurate) {
  const std::vector<float> x = random_row(100000, 5), y = random_row(100000, 6);
  long double product = 0, distance = 0, magnitude = 0, total = 0, absolute = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const long double a = x[i], b = y[i];
    product += a * b;
    magnitude += std::abs(a * b);
    distance += (a - b) * (a - b);
    total += a;
    absolute += std::abs(a);
  }
  EXPECT_NEAR(sum(x), double(total), 1e-14 * double(absolute));
  EXPECT_NEAR(absolute_sum(x), double(absolute), 1e-14 * double(absolute));
  EXPECT_NEAR(dot(x, y), double(product), 1e-14 * double(magnitude));
  EXPECT_NEAR(squared_distance(x, y), double(distance), 1e-14 * double(distance));
  EXPECT_NEAR(dot_float(x, y), double(product), 70 * std::ldexp(double(magnitude), -24));
  EXPECT_NEAR(squared_distance_float(x, y), double(distance),
              70 * std::ldexp(double(distance), -24));
}

TEST(Vector, FindsEveryNotFiniteEntry) {
  const float bad[] = {
      std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::quiet_NaN(),
      std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()};
  on_every_simd_target([&](const char* target) {
    SCOPED_TRACE(target);
    for (const std::size_t n : {1u, 5u, 16u, 33u, 100u}) {
      std::vector<float> x = random_row(n, 8);
      x[n / 2] = std::numeric_limits<float>::max();
      EXPECT_TRUE(all_finite(x));
      EXPECT_EQ(first_not_finite(x), n);
      for (std::size_t at = 0; at < n; ++at) {
        for (const float value : bad) {
          std::vector<float> broken = x;
          broken[at] = value;
          EXPECT_FALSE(all_finite(broken));
          EXPECT_EQ(first_not_finite(broken), at);
        }
      }
    }
  });
  EXPECT_TRUE(all_finite(Row{}));
}

TEST(Vector, DoubleRows) {
  const std::vector<double> x{1, 2, 3, 4}, y{2, 0, -1, 0.5};
  EXPECT_EQ(dot(std::span<const double>(x), std::span<const double>(y)), 1.0);
  EXPECT_EQ(squared_distance(std::span<const double>(x), std::span<const double>(y)), 33.25);
  EXPECT_EQ(squared_norm(std::span<const double>(x)), 30.0);
  std::vector<double> z = y;
  axpy(2.0, std::span<const double>(x), std::span<double>(z));
  EXPECT_EQ(z, (std::vector<double>{4, 4, 5, 8.5}));
  scale(0.5, std::span<double>(z));
  EXPECT_EQ(z, (std::vector<double>{2, 2, 2.5, 4.25}));
  std::vector<double> longer(1000), other(1000);
  long double expected = 0;
  for (int i = 0; i < 1000; ++i) {
    longer[i] = std::sin(i);
    other[i] = std::cos(3 * i);
    expected += static_cast<long double>(longer[i]) * other[i];
  }
  EXPECT_NEAR(dot(std::span<const double>(longer), std::span<const double>(other)),
              double(expected), 1e-12);
}

}  // namespace
}  // namespace shoal
