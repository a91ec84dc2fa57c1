#include "shoal/math/normal_quantile.h"

#include <cmath>
#include <gtest/gtest.h>

namespace shoal {
namespace {

TEST(NormalQuantile, KnownValues) {
  EXPECT_EQ(normal_quantile(0.5), 0.0);
  EXPECT_NEAR(normal_quantile(0.975), 1.959963984540054, 1e-14);
  EXPECT_NEAR(normal_quantile(0.001), -3.090232306167813, 1e-14);
}

TEST(NormalQuantile, InvertsTheDistributionFunction) {
  for (double x = -6.2; x <= 6.2; x += 0.01) {
    const double p = 0.5 * std::erfc(-x / std::sqrt(2.0));
    // The density limits what a rounded p can say about x.
    const double density = std::exp(-x * x / 2) / std::sqrt(2 * std::acos(-1.0));
    EXPECT_NEAR(normal_quantile(p), x, 1e-13 + 2.3e-16 * p / density) << x;
  }
}

TEST(NormalQuantile, IsOdd) {
  for (double p = 0.001; p < 0.5; p += 0.013)
    EXPECT_NEAR(normal_quantile(p), -normal_quantile(1 - p), 1e-12);
}

}  // namespace
}  // namespace shoal
