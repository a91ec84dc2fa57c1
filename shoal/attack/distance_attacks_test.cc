#include "shoal/attack/distance_attacks.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>

#include "shoal/attack/attack_test_tools.h"

namespace shoal {
namespace {

double squared_between(std::span<const float> a, std::span<const float> b) {
  double squared = 0.0;
  for (std::size_t c = 0; c < a.size(); ++c)
    squared += std::pow(static_cast<double>(a[c]) - static_cast<double>(b[c]), 2);
  return squared;
}

// How far out a row is, over how far out honest rows may be: min_max, then min_sum.
std::pair<double, double> outness(const FloatRows& honest, std::span<const float> row) {
  double far = 0, far_sum = 0, widest = 0, widest_sum = 0;
  for (const auto& x : honest) {
    far = std::max(far, squared_between(row, x));
    far_sum += squared_between(row, x);
    double sum = 0;
    for (const auto& y : honest) {
      widest = std::max(widest, squared_between(x, y));
      sum += squared_between(x, y);
    }
    widest_sum = std::max(widest_sum, sum);
  }
  return {far / widest, far_sum / widest_sum};
}

TEST(DistanceAttacks, GoExactlyAsFarAsHonestRows) {
  RandomStream stream(5, purpose("distance attacks"));
  for (int repeat = 0; repeat < 40; ++repeat) {
    const std::size_t n = 2 + stream.below(8), d = 1 + stream.below(50);
    const FloatRows honest = random_rows(stream, n, d, std::pow(10.0, stream.normal()));
    const FloatRows own(1, std::vector<float>(d));
    for (const char* along : {"deviation", "unit", "sign"}) {
      const auto settings = {std::pair<const char*, Value>{"along", along}};
      const auto max = forged(attack_table("min_max", settings), honest, own);
      const auto sum = forged(attack_table("min_sum", settings), honest, own);
      EXPECT_NEAR(outness(honest, max[0]).first, 1.0, 1e-4);
      EXPECT_NEAR(outness(honest, sum[0]).second, 1.0, 1e-4);
      // Both move the mean the same way.
      double products[2] = {0, 0};
      for (std::size_t c = 0; c < d; ++c) {
        double mean = 0;
        for (const auto& row : honest) mean += static_cast<double>(row[c]) / static_cast<double>(n);
        products[0] += (static_cast<double>(max[0][c]) - mean);
        products[1] += (static_cast<double>(sum[0][c]) - mean);
      }
      EXPECT_GE(products[0] * products[1], -1e-9);
    }
  }
  const FloatRows one{{1, 2}};
  EXPECT_EQ(forged(attack_table("min_max"), one, one), one);
}

}  // namespace
}  // namespace shoal
