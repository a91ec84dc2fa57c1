#include "shoal/rule/mud_hog.h"

#include <algorithm>
#include <gmock/gmock.h>

#include "shoal/base/random.h"
#include "shoal/rule/rounds_test.h"

namespace shoal {
namespace {

// Ten honest senders about (1, ..., 1) and liars behind them.
class MudHogRounds : public ::testing::Test {
 protected:
  static constexpr std::size_t kHonest = 10, kDimension = 50;

  TestRows honest(std::uint32_t t) {
    RandomStream stream(7, purpose("mud-hog test"), 0, t);
    TestRows rows(kHonest, std::vector<float>(kDimension));
    for (auto& row : rows)
      for (float& value : row) value = 1.0f + 0.05f * static_cast<float>(stream.normal());
    return rows;
  }
  static Table table(bool guard) {
    return rule_table("mud_hog", {{"eps", 1.0}, {"split_guard", guard}});
  }
};

TEST_F(MudHogRounds, ASignFlipperIsAveragedUntilConfirmed) {
  auto rule = make_rule(table(false));
  for (std::uint32_t t = 0; t < 6; ++t) {
    TestRows rows = honest(t);
    rows.push_back(std::vector<float>(kDimension, -1.0f));
    RoundView round = test_round(rows, 1);
    round.round = t;
    const Selection selection = outcome_of(*rule, round).selection;
    const bool kept = selection.kept.back() == 20;
    EXPECT_EQ(kept, t < 4) << t;  // suspected at 3, confirmed at 4
    const Suspect flipper{20, SuspectKind::kSignFlip};
    EXPECT_EQ(std::count(selection.suspects.begin(), selection.suspects.end(), flipper),
              t < 4 ? 0 : 1)
        << t;
  }
}

TEST_F(MudHogRounds, NoiseIsLeftOutAtOnceWithTheGuard) {
  auto rule = make_rule(table(true));
  for (std::uint32_t t = 0; t < 6; ++t) {
    TestRows rows = honest(t);
    RandomStream stream(9, purpose("noise"), 0, t);
    for (int liar = 0; liar < 3; ++liar) {
      rows.push_back(std::vector<float>(kDimension, 1.0f));
      for (float& value : rows.back()) value += 1.5f * static_cast<float>(stream.normal());
    }
    const Selection selection = outcome_of(*rule, test_round(rows, 3)).selection;
    std::vector<std::uint32_t> kept_liars, noisy;
    for (const std::uint32_t sender : selection.kept)
      if (sender >= 20) kept_liars.push_back(sender);
    for (const Suspect& suspect : selection.suspects)
      if (suspect.kind == SuspectKind::kNoise) noisy.push_back(suspect.sender);
    EXPECT_EQ(kept_liars.size(), t < 3 ? 3u : 0u) << t;
    EXPECT_EQ(noisy,
              t < 4 ? std::vector<std::uint32_t>{} : (std::vector<std::uint32_t>{20, 21, 22}))
        << t;
  }
}

TEST_F(MudHogRounds, TargetedLiarsNeverCountAndAreConfirmedInTheFourthRound) {
  auto rule = make_rule(table(false));
  for (std::uint32_t t = 0; t < 9; ++t) {
    TestRows rows = honest(t);
    for (int liar = 0; liar < 3; ++liar) {
      rows.push_back(rows[static_cast<std::size_t>(liar)]);
      rows.back()[3] = -0.2f;  // one coordinate of fifty; near enough to be in the normal cluster
      rows.back()[4] = 1.6f;
    }
    Table wide = rule_table("mud_hog", {{"eps", 3.0}});
    if (t == 0) rule = make_rule(wide);
    const Selection selection = outcome_of(*rule, test_round(rows, 3)).selection;
    EXPECT_EQ(selection.kept.back() >= 20, t < 3) << t;
    std::vector<std::uint32_t> targeted;
    for (const Suspect& suspect : selection.suspects)
      if (suspect.kind == SuspectKind::kTargeted) targeted.push_back(suspect.sender);
    EXPECT_EQ(targeted,
              t < 6 ? std::vector<std::uint32_t>{} : (std::vector<std::uint32_t>{20, 21, 22}))
        << t;
  }
}

TEST_F(MudHogRounds, WithoutANormalClusterTheCoordinateMedianStands) {
  auto rule = make_rule(rule_table("mud_hog", {{"eps", 1e-6}, {"first_round", std::int64_t{1}}}));
  outcome_of(*rule, test_round(honest(0), 1));
  const TestRows rows = honest(1);
  const Outcome outcome = outcome_of(*rule, test_round(rows, 1));
  TestRows kept;
  for (const std::uint32_t sender : outcome.selection.kept) kept.push_back(rows[sender - 10]);
  EXPECT_GE(kept.size(), 5u);
  EXPECT_EQ(outcome.row, aggregate_once(rule_table("coordinate_median"), test_round(kept, 0)));
}

TEST_F(MudHogRounds, TheRadiusCanFollowTheNearestNeighbours) {
  for (const float scale : {1e-6f, 1.0f, 1e6f}) {
    auto rule = make_rule(rule_table("mud_hog", {{"eps_factor", 2.0}, {"split_guard", true}}));
    Selection selection;
    for (std::uint32_t t = 0; t < 5; ++t) {
      TestRows rows = honest(t);
      rows.push_back(std::vector<float>(kDimension, 3.0f));
      for (auto& row : rows)
        for (float& value : row) value *= scale;
      selection = outcome_of(*rule, test_round(rows, 1)).selection;
    }
    const Suspect noisy{20, SuspectKind::kNoise};
    EXPECT_EQ(std::count(selection.suspects.begin(), selection.suspects.end(), noisy), 1) << scale;
  }
}

TEST(MudHog, RefusesWithTheArithmetic) {
  auto rule = make_rule(rule_table("mud_hog"));
  EXPECT_EQ(rule->check(9, 2).error().message,
            "mud_hog needs n >= 2 min_points = 10 and 9 rows arrived");
  EXPECT_FALSE(rule->check(12, 6).ok());
  EXPECT_TRUE(rule->needs().every_sender);
}

}  // namespace
}  // namespace shoal
