#include "shoal/attack/negations.h"

#include <cmath>
#include <gmock/gmock.h>

#include "shoal/attack/attack_test_tools.h"

namespace shoal {
namespace {

using ::testing::HasSubstr;

TEST(Negations, OfTheSumAndOfTheFirst) {
  const FloatRows honest{{1, 2}, {3, 6}}, own(2, {9, 9});
  EXPECT_EQ(forged(attack_table("omniscient"), honest, own), FloatRows(2, {-4e20f, -8e20f}));
  EXPECT_EQ(forged(attack_table("omniscient", {{"factor", 0.5}}), honest, own),
            FloatRows(2, {-2, -4}));
  EXPECT_EQ(forged(attack_table("negative_of_first"), honest, own), FloatRows(2, {-1, -2}));
  // Beyond the float range: infinite, and then refused by whoever receives it.
  EXPECT_TRUE(std::isinf(forged(attack_table("omniscient"), {{3e20f, 0}}, own)[0][0]));
  for (const char* kind : {"omniscient", "negative_of_first", "mimic", "min_max", "min_sum"})
    EXPECT_THAT(made_attack<MessageAttack>(attack_table(kind))->check(0, 1).error().message,
                HasSubstr("this round has none"));
}

}  // namespace
}  // namespace shoal
