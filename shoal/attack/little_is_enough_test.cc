#include "shoal/attack/little_is_enough.h"

#include <gmock/gmock.h>

#include "shoal/attack/attack_test_tools.h"

namespace shoal {
namespace {

using ::testing::HasSubstr;
TEST(LittleIsEnough, FormulaOfTheCard) {
  const double expected[][3] = {{50, 24, 1.4260769}, {25, 5, 0.2533471}, {20, 4, 0.1573107},
                                {15, 3, 0.2104284},  {45, 5, 0.1256613}, {10, 2, 0}};
  for (const auto& [n, f, z] : expected)
    EXPECT_NEAR(little_is_enough_z(std::size_t(n), std::size_t(f)).value(), z, 5e-8) << n;
  EXPECT_THAT(little_is_enough_z(10, 6).error().message, HasSubstr("n = 10 with f = 6"));
  EXPECT_FALSE(little_is_enough_z(2, 1).ok());
}

TEST(LittleIsEnough, MovesTheMeanByTheSpread) {
  const FloatRows honest{{1, 2, 3}, {4, 5, 6}, {7, 8, 9}};
  const auto table = attack_table("little_is_enough",
                                  {{"formula", false}, {"z", 2.9732837}, {"direction", "plus"}});
  const FloatRows bad = forged(table, honest, FloatRows(1, honest[0]));
  for (std::size_t c = 0; c < 3; ++c) EXPECT_NEAR(bad[0][c], 12.9198512 + double(c), 1e-6);
  const FloatRows minus = forged(attack_table("little_is_enough", {{"formula", false}, {"z", 1.0}}),
                                 honest, FloatRows(2, honest[0]));
  EXPECT_EQ(minus, (FloatRows{{1, 2, 3}, {1, 2, 3}}));
  // n = 5, f = 2: s = 1, z = Phi^-1(2/3).
  const FloatRows formula =
      forged(attack_table("little_is_enough"), honest, FloatRows(2, honest[0]));
  EXPECT_NEAR(formula[0][0], 4 - 3 * 0.4307273, 1e-6);
}

}  // namespace
}  // namespace shoal
