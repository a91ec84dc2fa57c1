#include "shoal/attack/blind_attacks.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>

#include "shoal/attack/attack_test_tools.h"

namespace shoal {
namespace {

TEST(BlindAttacks, WhatTheySend) {
  const FloatRows honest{{5, 5, 5}}, own{{1, 2, 3}, {4, 5, 6}};
  EXPECT_EQ(forged(attack_table("constant"), honest, own),
            (FloatRows(2, std::vector<float>(3, -100.0f))));
  EXPECT_EQ(forged(attack_table("zero"), {}, own), (FloatRows(2, std::vector<float>(3))));
  const FloatRows infinite =
      forged(attack_table("not_finite", {{"value", "minus_infinity"}}), honest, own);
  EXPECT_EQ(infinite[1][2], -std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(forged(attack_table("not_finite"), honest, own)[0][0]));
  const FloatRows drawn =
      forged(attack_table("uniform"), honest, FloatRows(2, std::vector<float>(20000)));
  double mean = 0.0;
  for (const auto& row : drawn)
    for (const float value : row) {
      EXPECT_TRUE(value >= 0.0f && value < 1.0f);
      mean += value / 40000.0;
    }
  EXPECT_NEAR(mean, 0.5, 6 * std::sqrt(1.0 / 12 / 40000));
  EXPECT_NE(drawn[0], drawn[1]);
}

}  // namespace
}  // namespace shoal
