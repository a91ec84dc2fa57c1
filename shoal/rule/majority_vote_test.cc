#include "shoal/rule/majority_vote.h"

#include <cmath>
#include <gtest/gtest.h>
#include <set>

#include "shoal/base/soak_test.h"
#include "shoal/rule/rounds_test.h"

namespace shoal {
namespace {

constexpr const char* kKind = "kind = \"majority_vote\"\n";
const std::string kLowest = std::string(kKind) + "no_majority = \"lowest\"\n";

std::string refused(const std::string& toml, const TestRows& rows) {
  MadeRows made;
  const auto out = test_stage(toml)->transform(test_round(rows, 0), made);
  return out.ok() ? "" : out.error().message;
}

TEST(MajorityVote, VotesOfTheCard) {
  const std::vector<float> a{1, 2}, b{1, 3}, c{4, 2};
  EXPECT_EQ(transformed(kKind, test_round({a, b, a}, 0)), TestRows{a});
  EXPECT_EQ(transformed(kKind, test_round({b, a, a}, 0)), TestRows{a});
  EXPECT_EQ(transformed(kKind, test_round({b, b, a}, 0)), TestRows{b});  // a bad majority wins
  EXPECT_EQ(transformed(kLowest, test_round({a, b, c}, 0)), TestRows{a});
  EXPECT_EQ(
      refused(kKind, {a, a, a, a, b, c}),
      "majority_vote: none of the 3 rows of senders 13 to 15 has more than 1 of 3 votes; leave "
      "the round out, or set no_majority = \"lowest\"");
  // Two of five are the most any row has, and no majority.
  EXPECT_NE(refused(std::string(kKind) + "r = 5", {a, a, b, b, c}), "");
}

TEST(MajorityVote, LooksAtBytes) {
  const float nan = std::nanf("");
  const TestRows got = transformed(kKind, test_round({{nan}, {1}, {nan}}, 0));
  EXPECT_TRUE(std::isnan(got[0][0]));
  EXPECT_NE(refused(kKind, {{0.0f}, {-0.0f}, {1}}), "");
}

TEST(MajorityVote, ALeftoverJoinsTheLastGroup) {
  const std::vector<float> a{1}, b{2};
  EXPECT_EQ(transformed(kKind, test_round({a, a, b, b, b, b, a}, 0)), (TestRows{a, b}));
  // Two of four are no majority.
  EXPECT_EQ(transformed(kLowest, test_round({a, a, a, a, b, b, a}, 0)), (TestRows{a, a}));
  EXPECT_NE(refused(kKind, {a, a, a, a, b, b, a}), "");
}

TEST(MajorityVote, RowsThatDifferInTheirLastDigits) {
  const std::string near = std::string(kKind) + "vote = \"tolerance\"\ndelta = 1e-3\n";
  const std::vector<float> a{1, 1}, a_up{1.0005f, 1}, a_down{0.9995f, 1}, b{5, 5}, c{-1, 0};
  // The middle one is the medoid; its bytes go on.
  EXPECT_EQ(transformed(near, test_round({a_up, a, a_down}, 0)), TestRows{a});
  EXPECT_EQ(transformed(near, test_round({b, a, a_up}, 0)), TestRows{a});
  EXPECT_NE(refused(near, {a, b, c}), "");
  EXPECT_NE(refused(std::string(kKind), {a_up, a, a_down}), "");
  // A huge row is near nothing, whatever its own norm.
  EXPECT_EQ(transformed(near, test_round({{3e38f, 3e38f}, a, a_up}, 0)), TestRows{a});
  EXPECT_EQ(transformed(near, test_round({{0, 0}, {0, 0}, a}, 0)), (TestRows{{0, 0}}));
}

TEST(MajorityVote, WithoutRedundancyOrLiarsNothingChanges) {
  const TestRows shares = normal_rows(5, 40, 1);
  EXPECT_EQ(transformed(std::string(kKind) + "r = 1", test_round(shares, 0)), shares);
  for (const std::size_t r : {3u, 5u}) {
    TestRows sent;
    for (const auto& share : shares) sent.insert(sent.end(), r, share);
    const std::string stage = fmt::format("{{ kind = \"majority_vote\", r = {} }}", r);
    EXPECT_EQ(transformed(fmt::format("{}r = {}", kKind, r), test_round(sent, 0)), shares);
    EXPECT_EQ(aggregated("kind = \"mean\"\nbefore = [" + stage + "]", test_round(sent, 0)).row,
              aggregated("kind = \"mean\"", test_round(shares, 0)).row);
  }
}

// Clients 1 to n; those in `missing` do not arrive.
RoundView round_without(const TestRows& rows, const std::set<std::uint32_t>& missing) {
  RoundView round;
  for (std::uint32_t i = 0; i < rows.size(); ++i) {
    if (missing.contains(i + 1)) continue;
    round.rows.emplace_back(rows[i]);
    round.senders.push_back(i + 1);
  }
  round.weights.assign(round.size(), 1.0 / static_cast<double>(round.size()));
  return round;
}

std::string refused_without(const std::string& toml, const TestRows& rows,
                            const std::set<std::uint32_t>& missing) {
  MadeRows made;
  const auto out = test_stage(toml)->transform(round_without(rows, missing), made);
  return out.ok() ? "" : out.error().message;
}

const std::string kNine = std::string(kKind) + "senders = 9\n";

// Any one missing, and any two of different groups, leave every honest group its row.
TEST(MajorityVote, AMissingSenderMovesNobodyToAnotherGroup) {
  const TestRows shares = normal_rows(3, 20, 5);
  TestRows sent;
  for (const auto& share : shares) sent.insert(sent.end(), 3, share);
  for (std::uint32_t a = 1; a <= 9; ++a)
    for (std::uint32_t b = a; b <= 9; ++b) {
      if (a != b && (a - 1) / 3 == (b - 1) / 3) continue;
      EXPECT_EQ(transformed(kNine, round_without(sent, {a, b})), shares) << a << " " << b;
    }
}

// A liar whose honest twin is missing is left with one vote of three: its group has no answer, and
// the rows of the others are what they were.
TEST(MajorityVote, AMissingSenderChangesOnlyItsOwnGroup) {
  const TestRows shares = normal_rows(3, 20, 6);
  TestRows sent;
  for (const auto& share : shares) sent.insert(sent.end(), 3, share);
  sent[3].assign(20, -100.0f);  // client 4
  EXPECT_EQ(refused_without(kNine, sent, {}), "");
  for (std::uint32_t missing = 1; missing <= 9; ++missing) {
    const bool of_liar = missing == 5 || missing == 6;
    EXPECT_EQ(refused_without(kNine, sent, {missing}),
              of_liar ? "majority_vote: none of the 2 rows of senders 4 to 6 has more than 1 of 3 "
                        "votes; leave the round out, or set no_majority = \"lowest\""
                      : "");
    const TestRows got =
        transformed(kNine + "no_majority = \"lowest\"", round_without(sent, {missing}));
    EXPECT_EQ(got[0], shares[0]);
    EXPECT_EQ(got[1], of_liar ? sent[3] : shares[1]);
    EXPECT_EQ(got[2], shares[2]);
  }
}

TEST(MajorityVote, ALeftoverStaysInTheLastGroup) {
  const std::vector<float> a{1}, b{2};
  const TestRows sent{a, a, a, b, b, b, b};
  const std::string seven = std::string(kKind) + "senders = 7\n";
  for (std::uint32_t missing = 1; missing <= 7; ++missing)
    EXPECT_EQ(transformed(seven, round_without(sent, {missing})), (TestRows{a, b})) << missing;
  // Two of the four in the last group are no majority of four.
  EXPECT_NE(refused_without(seven, sent, {4, 7}), "");
}

TEST(MajorityVote, WhoIsMissingCountsAgainstTheRound) {
  const TestRows sent(9, std::vector<float>{1});
  // The votes that are left cannot make three majorities of two.
  EXPECT_EQ(refused_without(kNine, sent, {1, 4, 7, 9}),
            "majority_vote needs n >= 6, a majority in each of 3 groups, and 5 rows arrived");
  EXPECT_EQ(refused_without(kNine, sent, {4, 5, 6}),
            "majority_vote: none of the senders 4 to 6 arrived; leave the round out");
  EXPECT_EQ(refused_without(kNine + "no_majority = \"lowest\"", sent, {4, 5, 6}),
            "majority_vote: none of the senders 4 to 6 arrived; leave the round out");
  // Without `senders` a gap gives the missing one away.
  EXPECT_EQ(
      refused_without(kKind, TestRows(10, {1.0f}), {4}),
      "majority_vote has groups for senders 1 to 9 and a row of sender 10 arrived; somebody is "
      "missing: set senders to how many clients there are");
  EXPECT_EQ(refused_without(std::string(kKind) + "senders = 6", TestRows(7, {1.0f}), {1}),
            "majority_vote has groups for senders 1 to 6 and a row of sender 7 arrived; raise "
            "senders");
}

TEST(MajorityVote, ChecksArrivalsAgainstAllSenders) {
  const auto stage = test_stage(kNine);
  EXPECT_EQ(stage->rows_after(9), 3u);
  EXPECT_EQ(stage->rows_after(7), 3u);
  EXPECT_EQ(stage->faults_after(9, 3), 1u);
  EXPECT_EQ(stage->faults_after(7, 3), 1u);  // two bad votes a group, whoever is missing
  EXPECT_EQ(refusal(*stage, 10, 0),
            "majority_vote has groups for senders = 9 and 10 rows arrived; raise senders");
  const auto lowest = test_stage(kNine + "no_majority = \"lowest\"");
  EXPECT_EQ(lowest->faults_after(9, 3), 1u);
  EXPECT_EQ(lowest->faults_after(7, 3), 2u);  // a liar and a missing one spoil a group
  EXPECT_EQ(lowest->faults_after(3, 1), 1u);
  EXPECT_EQ(refusal(*lowest, 2, 0),
            "majority_vote needs n >= 3, a row in each of 3 groups, and 2 rows arrived");
  const auto wrong = pre_aggregators().make(parse_toml(std::string(kKind) + "senders = 8").value(),
                                            "[rule] before[0]");
  EXPECT_EQ(wrong.error().message,
            "[rule] before[0]: majority_vote needs senders mod r to be 0, or 1 (who joins the last "
            "group), and 8 mod 3 = 2; change r or the number of senders");
}

// As long as no group has more than (r-1)/2 liars nothing of theirs comes through.
TEST(MajorityVote, RecoversExactly) {
  const TestRows shares = normal_rows(3, 20, 2);
  for (std::uint32_t seed = 0; seed < 200; ++seed) {
    RandomStream stream(seed, purpose("recovery"));
    TestRows sent;
    for (const auto& share : shares) {
      sent.insert(sent.end(), 5, share);
      for (const std::uint32_t liar : stream.sample(5, 2))
        sent[sent.size() - 5 + liar] = std::vector<float>(20, stream.below(2) ? 7.0f : -100.0f);
    }
    EXPECT_EQ(transformed(std::string(kKind) + "r = 5", test_round(sent, 6)), shares);
  }
}

// How many of the K rows are bad when `liars` send the same wrong row.
std::size_t bad_rows(PreAggregator& stage, std::size_t n, const std::vector<std::uint32_t>& liars) {
  TestRows rows(n, {1.0f});
  for (const std::uint32_t liar : liars) rows[liar] = {-1.0f};
  std::size_t bad = 0;
  for (const auto& row : transformed(stage, test_round(rows, liars.size()))) bad += row[0] < 0;
  EXPECT_LE(bad, stage.faults_after(n, liars.size()));
  return bad;
}

TEST(MajorityVote, AllPlacementsOfTwoLiarsAmongNine) {
  const auto stage = test_stage(kKind);
  std::size_t sum = 0, worst = 0;
  for (std::uint32_t a = 0; a < 9; ++a)
    for (std::uint32_t b = a + 1; b < 9; ++b) {
      const std::size_t bad = bad_rows(*stage, 9, {a, b});
      sum += bad;
      worst = std::max(worst, bad);
    }
  EXPECT_EQ(sum, 9u);  // 36 placements, 0.25 each
  EXPECT_EQ(worst, 1u);
}

// K P(Hypergeometric(p, q, r) >= (r+1)/2), the numbers of the card.
TEST(MajorityVote, BadRowsOfRandomPlacements) {
  struct Setting {
    std::size_t p, q, r;
    double expected;
    std::size_t worst;
  };
  const Setting settings[] = {
      {15, 3, 3, 0.406593, 1}, {12, 3, 3, 0.509091, 1}, {15, 4, 5, 0.230769, 1},
      {30, 6, 3, 0.935961, 3}, {45, 9, 9, 0.045391, 1}, {45, 5, 3, 0.433404, 2},
      {45, 9, 3, 1.458774, 4}, {45, 9, 5, 0.424174, 3}, {21, 6, 3, 1.289474, 3}};
  const int draws = soak_count(2000, 20000);
  for (const auto& [p, q, r, expected, worst] : settings) {
    const auto stage = test_stage(fmt::format("{}r = {}", kKind, r));
    EXPECT_EQ(stage->faults_after(p, q), worst);
    double sum = 0, squares = 0;
    for (int k = 0; k < draws; ++k) {
      RandomStream stream(3, purpose("placements"), 0, static_cast<std::uint32_t>(k));
      const auto bad = static_cast<double>(bad_rows(*stage, p, stream.sample(p, q)));
      sum += bad;
      squares += bad * bad;
    }
    const double mean = sum / draws;
    const double error = std::sqrt((squares / draws - mean * mean) / draws);
    EXPECT_NEAR(mean, expected, 4 * error) << p << " " << q << " " << r;
  }
}

TEST(MajorityVote, Refuses) {
  EXPECT_EQ(
      refusal(*test_stage(kKind), 8, 1),
      "majority_vote needs n mod r to be 0, or 1 (who joins the last group), and 8 mod 3 = 2; "
      "change r or the number of senders");
  EXPECT_EQ(refusal(*test_stage(kKind), 2, 0),
            "majority_vote needs n >= r = 3 and there are 2; lower r");
  const auto even =
      pre_aggregators().make(parse_toml(std::string(kKind) + "r = 4").value(), "[rule] before[0]");
  EXPECT_EQ(even.error().message,
            "[rule] before[0]: r = 4 must be odd, so that a group has a majority; set r = 5");
  // The rule across sees K rows and the liars that may be left.
  const auto krum = test_rule("kind = \"krum\"\nbefore = [\"majority_vote\"]");
  EXPECT_EQ(refusal(*krum, 45, 5), "");
  EXPECT_EQ(refusal(*krum, 15, 5), "krum needs n >= 2f+3 = 7 and 5 rows arrived");
}

}  // namespace
}  // namespace shoal
