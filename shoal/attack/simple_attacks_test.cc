#include "shoal/attack/simple_attacks.h"

#include <cmath>
#include <gtest/gtest.h>

#include "shoal/attack/attack_test_tools.h"

namespace shoal {
namespace {

TEST(SimpleAttacks, NoneAndSignFlip) {
  const FloatRows honest{{1, 2}, {3, 6}}, own{{5, -1}, {0, 2}};
  EXPECT_EQ(forged(attack_table("none"), honest, own), own);
  EXPECT_EQ(forged(attack_table("sign_flip"), honest, own), (FloatRows{{-5, 1}, {0, -2}}));
  EXPECT_EQ(forged(attack_table("sign_flip", {{"scale", 10.0}, {"of", "mean"}}), honest, own),
            (FloatRows{{-20, -40}, {-20, -40}}));
}

TEST(SimpleAttacks, GaussianNoise) {
  const FloatRows honest{{1000}, {1000}};
  const FloatRows own(2, std::vector<float>(20000, 5.0f));
  const FloatRows noise =
      forged(attack_table("gaussian_noise", {{"sigma", 3.0}, {"around", "own"}}), honest, own);
  for (const auto& row : noise) {
    double mean = 0, squares = 0;
    for (const float value : row) mean += value / 20000.0;
    for (const float value : row) squares += std::pow(value - mean, 2) / 20000.0;
    EXPECT_NEAR(mean, 5, 6 * 3 / std::sqrt(20000.0));
    EXPECT_NEAR(std::sqrt(squares), 3, 0.1);
  }
  EXPECT_NE(noise[0], noise[1]);
  EXPECT_EQ(noise, forged(attack_table("gaussian_noise", {{"sigma", 3.0}, {"around", "own"}}),
                          honest, own));
}

}  // namespace
}  // namespace shoal
