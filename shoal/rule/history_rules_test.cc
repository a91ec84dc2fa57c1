// Rules that compare what senders have sent so far.
#include <algorithm>
#include <cmath>
#include <gmock/gmock.h>

#include "shoal/base/random.h"
#include "shoal/rule/rounds_test.h"
#include "shoal/rule/sender_history.h"
#include "shoal/rule/suspicion_ledger.h"

namespace shoal {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(SenderHistory, ShortAndLongOfTheCard) {
  SenderHistory history(3);
  const double shorts[] = {1, 1.5, 2, 3, 4}, longs[] = {1, 3, 6, 10, 15};
  for (int t = 0; t < 5; ++t) {
    const TestRows rows{{static_cast<float>(t + 1)}};
    history.add(test_round(rows, 0));
    const auto& entry = history.of(10);
    double sum = 0.0;
    for (const auto& row : entry.recent) sum += static_cast<double>(row[0]);
    EXPECT_EQ(sum / static_cast<double>(entry.recent.size()), shorts[t]);
    EXPECT_EQ(entry.sum[0], longs[t]);
  }
}

TEST(SenderHistory, SumsStayFiniteAndDamageIsRefused) {
  SenderHistory history(1);
  const TestRows rows{{3e38f, -3e38f}};
  for (int t = 0; t < 3; ++t) history.add(test_round(rows, 0));
  EXPECT_TRUE(std::isfinite(history.of(10).sum[0]) && std::isfinite(history.of(10).sum[1]));
  ByteWriter written;
  history.save(written);
  for (std::size_t size = 0; size < written.size(); ++size) {
    ByteReader in(ByteView(written.bytes()).first(size));
    SenderHistory other(1);
    EXPECT_FALSE(other.load(in).ok()) << size;
  }
  ByteReader wider(written.bytes());
  SenderHistory none(0);
  EXPECT_THAT(none.load(wider).error().message, HasSubstr("another window"));
}

TestRows directions(const std::vector<double>& degrees) {
  TestRows rows;
  for (const double degree : degrees) {
    const double angle = degree * std::acos(-1.0) / 180;
    rows.push_back({static_cast<float>(std::cos(angle)), static_cast<float>(std::sin(angle))});
  }
  return rows;
}

TEST(Foolsgold, CasesOfTheCard) {
  const Table sum = rule_table("foolsgold", {{"output", "sum"}});
  const TestRows angles = directions({0, 90, 200, 60, 100});
  auto rule = make_rule(sum);
  Outcome outcome = outcome_of(*rule, test_round(angles, 0));
  EXPECT_THAT(outcome.selection.kept, ElementsAre(10, 12));
  expect_near_row(outcome.row, {angles[0][0] + angles[2][0], angles[0][1] + angles[2][1]}, 1e-6);
  outcome = outcome_of(*make_rule(rule_table("foolsgold")), test_round(angles, 0));
  expect_near_row(outcome.row,
                  {(angles[0][0] + angles[2][0]) / 2, (angles[0][1] + angles[2][1]) / 2}, 1e-6);
  const TestRows sybils{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {1, 1, 1}, {1, 1, 1}};
  outcome = outcome_of(*make_rule(sum), test_round(sybils, 0));
  EXPECT_THAT(outcome.selection.kept, ElementsAre(10, 11, 12));
  expect_near_row(outcome.row, {1, 1, 1}, 1e-6);
}

TEST(Foolsgold, OneSenderZerosAndAllAlike) {
  auto rule = make_rule(rule_table("foolsgold"));
  EXPECT_EQ(outcome_of(*rule, test_round({{2, 3}}, 0)).row, (std::vector<float>{2, 3}));
  const TestRows zeros{{0, 0}, {0, 0}, {4, 0}};
  const Outcome some = outcome_of(*make_rule(rule_table("foolsgold")), test_round(zeros, 0));
  EXPECT_THAT(some.selection.kept, ElementsAre(10, 11, 12));
  expect_near_row(some.row, {4.0 / 3, 0}, 1e-6);
  const TestRows alike{{2, 3}, {2, 3}};
  const Outcome none = outcome_of(*make_rule(rule_table("foolsgold")), test_round(alike, 0));
  EXPECT_EQ(none.row, (std::vector<float>{0, 0}));
  EXPECT_THAT(none.selection.kept, IsEmpty());
}

// One round's rows are all different; what two sybils sent before gives them away.
TEST(Foolsgold, RemembersEarlierRounds) {
  auto rule = make_rule(rule_table("foolsgold"));
  const TestRows first{{9, 0, 0}, {0, 0, 9}, {0, 0, 9}};
  const TestRows second{{0, 1, 0}, {1, 0, 0}, {0, 0, 1}};
  outcome_of(*rule, test_round(first, 0));
  EXPECT_THAT(outcome_of(*rule, test_round(second, 0)).selection.kept, ElementsAre(10));
}

constexpr std::uint32_t kSender = 4;

// The rounds under suspicion of one sender, one letter each: f, u, t, or . for none.
SuspicionLedger after(const std::string& story) {
  SuspicionLedger ledger(2);
  const std::vector<std::uint32_t> all{kSender}, none;
  for (const char letter : story)
    ledger.record(
        all, {letter == 'f' ? all : none, letter == 'u' ? all : none, letter == 't' ? all : none});
  return ledger;
}

TEST(SuspicionLedger, StateMachineOfTheCard) {
  const auto is = [](const std::string& story, SuspectKind kind) {
    return after(story).confirmed(kSender, kind);
  };
  EXPECT_FALSE(is("f", SuspectKind::kSignFlip));
  EXPECT_TRUE(is("ff", SuspectKind::kSignFlip));
  EXPECT_FALSE(is("f.f", SuspectKind::kSignFlip));
  EXPECT_FALSE(is("ttt", SuspectKind::kTargeted));
  EXPECT_TRUE(is("tttt", SuspectKind::kTargeted));
  EXPECT_TRUE(is("tf", SuspectKind::kSignFlip));  // any suspicion counts
  EXPECT_TRUE(is("ff.", SuspectKind::kSignFlip));
  EXPECT_FALSE(is("ff..", SuspectKind::kSignFlip));
  EXPECT_TRUE(is("uu", SuspectKind::kNoise));
  EXPECT_TRUE(is("uu.", SuspectKind::kNoise));
  EXPECT_TRUE(is("uu.uu", SuspectKind::kNoise));
  EXPECT_FALSE(is("uu.uu.", SuspectKind::kNoise));  // came clean twice
  EXPECT_TRUE(is("uu.uu.", SuspectKind::kUnreliable));
  EXPECT_FALSE(after("uu.uu.").malicious(kSender));
}

TEST(SuspicionLedger, UnreliabilityCountsUpAndDown) {
  SuspicionLedger ledger(2);
  const std::vector<std::uint32_t> all{kSender}, none;
  const auto is = [&] { return ledger.confirmed(kSender, SuspectKind::kUnreliable); };
  for (int k = 0; k < 2; ++k) ledger.record_unreliable(all, all);
  EXPECT_FALSE(is());
  ledger.record_unreliable(all, all);
  EXPECT_TRUE(is());
  for (int k = 0; k < 2; ++k) ledger.record_unreliable(all, none);
  EXPECT_TRUE(is());
  ledger.record_unreliable(all, none);
  EXPECT_FALSE(is());
  EXPECT_THAT(ledger.suspects(), IsEmpty());
}

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
