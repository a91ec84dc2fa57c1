#include "shoal/rule/hierarchy.h"

#include <gtest/gtest.h>

#include "shoal/rule/rounds_test.h"

namespace shoal {
namespace {

std::string stage_of(std::size_t buckets, const std::string& inner = "\"mean\"") {
  return fmt::format("kind = \"hierarchy\"\nbuckets = {}\nrule = {}", buckets, inner);
}

// Who is in which bucket, from the means of unit rows.
std::vector<std::vector<std::size_t>> members_of(const RoundView& round, std::size_t buckets) {
  const TestRows units = unit_rows(round.size());
  RoundView of_units = round;
  for (std::size_t i = 0; i < round.size(); ++i) of_units.rows[i] = units[i];
  std::vector<std::vector<std::size_t>> members;
  for (const auto& row : transformed(stage_of(buckets), of_units)) {
    members.emplace_back();
    for (std::size_t i = 0; i < row.size(); ++i)
      if (row[i] != 0) members.back().push_back(i);
  }
  return members;
}

TEST(Hierarchy, BucketsDifferByAtMostOneRow) {
  const TestRows rows = normal_rows(15, 4, 1);
  const auto members = members_of(test_round(rows, 0), 2);
  EXPECT_EQ(members[0].size(), 7u);
  EXPECT_EQ(members[1].size(), 8u);
  std::vector<bool> seen(15, false);
  for (const auto& bucket : members)
    for (const std::size_t i : bucket) seen[i] = true;
  EXPECT_EQ(std::count(seen.begin(), seen.end(), true), 15);
  RoundView next = test_round(rows, 0);
  next.round = 1;
  EXPECT_NE(members_of(next, 2), members);
}

TEST(Hierarchy, EveryBucketGetsTheInnerRule) {
  const TestRows rows = normal_rows(13, 20, 2);
  for (const char* inner :
       {"coordinate_median", "trimmed_mean", "krum", "multi_krum", "mean_around_median"}) {
    const RoundView round = test_round(rows, 1);
    const TestRows got = transformed(stage_of(2, fmt::format("{{ kind = \"{}\" }}", inner)), round);
    const auto members = members_of(round, 2);
    for (std::size_t b = 0; b < 2; ++b) {
      TestRows bucket;
      for (const std::size_t i : members[b]) bucket.push_back(rows[i]);
      EXPECT_EQ(got[b], aggregated(fmt::format("kind = \"{}\"", inner), test_round(bucket, 1)).row);
    }
  }
}

// One bucket of everything is the inner rule; buckets of one row are the rows.
TEST(Hierarchy, Reductions) {
  const TestRows rows = normal_rows(9, 20, 3);
  EXPECT_EQ(transformed(stage_of(1, "\"krum\""), test_round(rows, 2))[0],
            aggregated("kind = \"krum\"", test_round(rows, 2)).row);
  const auto apart =
      aggregated("kind = \"coordinate_median\"\nbefore = [{ kind = \"hierarchy\", buckets = 9 }]",
                 test_round(rows, 4));
  EXPECT_EQ(apart.row, aggregated("kind = \"coordinate_median\"", test_round(rows, 4)).row);
}

TEST(Hierarchy, WeightsSumToOneInABucket) {
  const TestRows rows{{1}, {2}, {4}};
  RoundView round = test_round(rows, 0);
  round.weights = {0.5, 0.25, 0.25};
  expect_near_row(transformed(stage_of(1), round)[0], {2});
  round.weights = {0, 0, 0};
  expect_near_row(transformed(stage_of(1), round)[0], {7.0 / 3});
}

TEST(Hierarchy, MedianOfMeansAfterTheVote) {
  // 15 groups of three; one is wholly lost, so one of the 15 votes is bad.
  TestRows sent;
  for (const auto& share : normal_rows(15, 50, 4)) sent.insert(sent.end(), 3, share);
  for (std::size_t liar = 0; liar < 3; ++liar) sent[6 + liar].assign(50, -100);
  const std::string detox =
      "kind = \"coordinate_median\"\nbefore = [\"majority_vote\", { kind = \"hierarchy\", buckets "
      "= 5, rule = \"mean\" }]";
  const Aggregated got = aggregated(detox, test_round(sent, 3));
  for (const float value : got.row) EXPECT_LT(std::abs(value), 2);
  EXPECT_EQ(got.kept.size(), 45u);
}

// An inner rule that draws does not draw the same in every bucket.
TEST(Hierarchy, BucketsDrawApart) {
  const TestRows rows(4, std::vector<float>(10, 0.0f));
  const TestRows got = transformed(stage_of(2, "\"weak_dp\""), test_round(rows, 0));
  EXPECT_NE(got[0], got[1]);
}

TEST(Hierarchy, ChecksTheInnerRuleForEveryBucket) {
  const auto stage = test_stage(stage_of(2, "\"multi_krum\""));
  EXPECT_EQ(refusal(*stage, 15, 2), "");
  EXPECT_EQ(
      refusal(*stage, 13, 2),
      "hierarchy, a bucket of 6 of 13 rows: multi_krum needs n >= 2f+3 = 7 and 6 rows arrived");
  EXPECT_EQ(refusal(*stage, 1, 0),
            "hierarchy needs n >= buckets = 2 and 1 rows arrived; lower buckets");
  EXPECT_EQ(stage->faults_after(15, 2), 2u);
}

TEST(Hierarchy, ReadsItsTable) {
  const auto make = [](const std::string& toml) {
    return pre_aggregators().make(parse_toml(toml).value(), "[rule] before[0]");
  };
  EXPECT_EQ(make(stage_of(2, "3")).error().message,
            "[rule] before[0] rule must be a name or a table and is an integer");
  EXPECT_NE(make(stage_of(2, "\"krumm\"")).error().message.find("did you mean 'krum'?"),
            std::string::npos);
  EXPECT_NE(make(stage_of(2, "\"zeno\"")).error().message.find("nothing but rows"),
            std::string::npos);
  const Table table =
      parse_toml(stage_of(3, "{ kind = \"multi_krum\", before = [\"nnm\"] }")).value();
  const Table resolved = pre_aggregators().resolve(table, "[rule] before[0]").value();
  const Table& inner = *resolved.find("rule")->as<Table>();
  EXPECT_EQ(*inner.find("m")->as<std::int64_t>(), 0);
  EXPECT_TRUE(pre_aggregators().make(resolved, "[rule] before[0]").ok());
}

}  // namespace
}  // namespace shoal
