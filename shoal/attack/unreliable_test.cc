#include "shoal/attack/unreliable.h"

#include <cmath>
#include <gmock/gmock.h>

#include "shoal/attack/attack_test_tools.h"

namespace shoal {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Unreliable, BlursImagesAndSkipsSteps) {
  Dataset data = empty_like(images(1, 2));
  data.shape = {9, 9};
  data.features = 81;
  std::vector<float> dot(81);
  dot[40] = 1.0f;
  append_row(data, dot, 1);
  append_row(data, std::vector<float>(81, 0.7f), 0);
  const Table all = attack_table("unreliable", {{"blur", 1.0}, {"std", 1e6}});
  const Dataset blurred = poisoned(all, data, {0, 1}).value();
  EXPECT_THAT(blurred.labels, ElementsAre(1, 0));
  for (std::size_t y = 0; y < 9; ++y)
    for (std::size_t x = 0; x < 9; ++x) {
      const bool inside = y >= 2 && y <= 6 && x >= 2 && x <= 6;
      EXPECT_NEAR(blurred.row(0)[y * 9 + x], inside ? 0.04f : 0.0f, 1e-7);
    }
  for (const float value : blurred.row(1)) EXPECT_NEAR(value, 0.7f, 1e-6);
  const Dataset clean = poisoned(attack_table("unreliable", {{"blur", 0.0}}), data, {0}).value();
  EXPECT_EQ(clean.x, dot);
  const auto attack = made_attack<LocalAttack>(attack_table("unreliable"));
  RandomStream stream(2, purpose("skips"));
  int skipped = 0;
  for (int step = 0; step < 10000; ++step) skipped += attack->skips_step(stream);
  EXPECT_NEAR(skipped, 7000, 6 * std::sqrt(2100.0));
  Dataset flat = images(2, 2);
  flat.shape = {12};
  EXPECT_THAT(poisoned(all, flat, {0}).error().message, HasSubstr("1 extents"));
}

}  // namespace
}  // namespace shoal
