#include "shoal/attack/mimic.h"

#include <algorithm>
#include <gtest/gtest.h>

#include "shoal/attack/attack_test_tools.h"
#include "shoal/math/vector.h"

namespace shoal {
namespace {

TEST(Mimic, DirectionOfTheCard) {
  const FloatRows honest{{1, 0}, {0, 1}, {3, 0}};
  const std::vector<Row> rows(honest.begin(), honest.end());
  std::vector<double> z{1, 0};
  power_step(rows, z);
  EXPECT_NEAR(z[0], 0.9615240, 1e-7);
  EXPECT_NEAR(z[1], -0.2747211, 1e-7);
  const FloatRows equal(3, {2, 2});
  power_step(std::vector<Row>(equal.begin(), equal.end()), z);
  EXPECT_NEAR(z[0], 0.9615240, 1e-7);
}

TEST(Mimic, StaysWithOneWorkerAfterItsWarmUp) {
  RandomStream stream(4, purpose("mimic"));
  const Table table = attack_table("mimic", {{"warm_up", 3}});
  const auto attack = made_attack<MessageAttack>(table);
  const FloatRows own(2, std::vector<float>(20));
  std::size_t target = 0;
  for (std::size_t round = 0; round < 8; ++round) {
    FloatRows honest = random_rows(stream, 6, 20, 0.1);
    // From now on another worker is the farthest one.
    for (float& value : honest[round < 3 ? 1 : 4]) value += 10.0f;
    const FloatRows sent = forged_by(*attack, view_of(honest, own));
    EXPECT_EQ(sent[0], sent[1]);
    const auto place = std::ranges::find(honest, sent[0]);
    ASSERT_NE(place, honest.end());
    const auto copied = static_cast<std::size_t>(place - honest.begin());
    if (round == 2) target = copied;
    if (round > 2) {
      EXPECT_EQ(copied, target);
    }
  }
  // What it knows goes along with a checkpoint.
  ByteWriter saved;
  attack->save(saved);
  const auto resumed = made_attack<MessageAttack>(table);
  ByteReader in(saved.bytes());
  ASSERT_TRUE(resumed->load(in).ok());
  const FloatRows honest = random_rows(stream, 6, 20);
  EXPECT_EQ(forged_by(*resumed, view_of(honest, own)), forged_by(*attack, view_of(honest, own)));
  // Without its target: another honest row, whole.
  FloatRows fewer = honest;
  fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(target));
  AttackView view = view_of(fewer, own);
  for (std::size_t i = target; i < view.honest_senders.size(); ++i) ++view.honest_senders[i];
  EXPECT_NE(std::ranges::find(fewer, forged_by(*attack, view)[0]), fewer.end());
}

}  // namespace
}  // namespace shoal
