#include "shoal/attack/stale_replay.h"

#include <algorithm>

#include "shoal/attack/attack_test_tools.h"
#include "shoal/base/bytes.h"

namespace shoal {
namespace {

// Round t brings the liars' rows of round t - 2, and those of round 0 before that.
TEST(StaleReplay, SendsAgainWhatIsOld) {
  const Table table = attack_table("stale_replay", {{"delay", 2}});
  auto attack = made_attack<MessageAttack>(table);
  const auto own = [](int t) { return FloatRows{{1.0f * t, -1.0f * t}, {10.0f * t, 5.0f}}; };
  for (int t = 0; t < 7; ++t) {
    SCOPED_TRACE(t);
    EXPECT_EQ(forged_by(*attack, view_of({}, own(t))), own(std::max(0, t - 2)));
    // It is the same when it is saved and loaded in between.
    ByteWriter saved;
    attack->save(saved);
    attack = made_attack<MessageAttack>(table);
    ByteReader in(saved.bytes());
    ASSERT_TRUE(attack->load(in).ok());
    EXPECT_TRUE(in.done());
  }
  // A liar that was away has its own past; the other's goes on.
  AttackView second = view_of({}, {{70.0f, 5.0f}});
  second.liars = {1};
  EXPECT_EQ(forged_by(*attack, second), (FloatRows{{50.0f, 5.0f}}));
  EXPECT_EQ(forged_by(*attack, view_of({}, own(8))), (FloatRows{{5.0f, -5.0f}, {60.0f, 5.0f}}));
  // More rows than the delay allows are no state of this attack.
  ByteWriter saved;
  attack->save(saved);
  auto shorter = made_attack<MessageAttack>(attack_table("stale_replay", {{"delay", 1}}));
  ByteReader in(saved.bytes());
  EXPECT_FALSE(shorter->load(in).ok());
}

}  // namespace
}  // namespace shoal
