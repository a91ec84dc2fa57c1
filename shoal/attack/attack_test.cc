#include "shoal/attack/attack.h"

#include <gmock/gmock.h>

#include "shoal/attack/attack_test_tools.h"

namespace shoal {
namespace {

using ::testing::HasSubstr;

TEST(Attacks, RefuseARoundWithoutHonestRows) {
  for (const char* kind : {"inner_product", "little_is_enough"})
    EXPECT_THAT(attacks().make(attack_table(kind), "[attack]").value()->check(0, 3).error().message,
                HasSubstr("this round has none"));
  EXPECT_TRUE(attacks().make(attack_table("sign_flip"), "[attack]").value()->check(0, 3).ok());
  EXPECT_FALSE(
      attacks().make(attack_table("little_is_enough"), "[attack]").value()->check(2, 6).ok());
}

}  // namespace
}  // namespace shoal
