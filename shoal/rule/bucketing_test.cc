#include "shoal/rule/bucketing.h"

#include <gtest/gtest.h>
#include <set>

#include "shoal/rule/rounds_test.h"

namespace shoal {
namespace {

using Buckets = std::vector<std::vector<std::size_t>>;

// Who went into which bucket, read off the means of unit rows.
Buckets buckets_of(const RoundView& round, std::size_t s) {
  Buckets buckets;
  for (const auto& row : transformed(fmt::format("kind = \"bucketing\"\ns = {}", s), round)) {
    std::vector<std::size_t> members;
    for (std::size_t i = 0; i < row.size(); ++i)
      if (row[i] != 0) members.push_back(i);
    for (const std::size_t i : members) EXPECT_FLOAT_EQ(row[i], 1.0f / float(members.size()));
    buckets.push_back(members);
  }
  return buckets;
}

TEST(Bucketing, EveryRowOnceAndTheLastBucketMayBeShort) {
  for (const std::size_t n : {1u, 2u, 7u, 8u, 9u}) {
    const TestRows rows = unit_rows(n);
    for (const std::size_t s : {1u, 2u, 3u, 20u}) {
      const Buckets buckets = buckets_of(test_round(rows, 0), s);
      std::multiset<std::size_t> all;
      for (std::size_t b = 0; b < buckets.size(); ++b) {
        all.insert(buckets[b].begin(), buckets[b].end());
        EXPECT_EQ(buckets[b].size(), b + 1 < buckets.size() ? s : n - s * (buckets.size() - 1));
      }
      EXPECT_EQ(buckets.size(), (n + s - 1) / s);
      std::multiset<std::size_t> want;
      for (std::size_t i = 0; i < n; ++i) want.insert(i);
      EXPECT_EQ(all, want);
    }
  }
}

TEST(Bucketing, DrawsAnewForEveryRoundReceiverAndSeed) {
  const TestRows rows = unit_rows(10);
  RoundView round = test_round(rows, 0);
  const Buckets first = buckets_of(round, 2);
  EXPECT_EQ(buckets_of(round, 2), first);
  RoundView next = round, other = round, seeded = round;
  next.round = 1;
  other.receiver = 3;
  seeded.seed = 2;
  const Buckets second = buckets_of(next, 2), third = buckets_of(other, 2);
  EXPECT_NE(second, first);
  EXPECT_NE(third, first);
  EXPECT_NE(third, second);
  EXPECT_NE(buckets_of(seeded, 2), first);
}

// Two given rows of 6 share a bucket of 2 once in 5.
TEST(Bucketing, IsUniform) {
  const TestRows rows = unit_rows(6);
  RoundView round = test_round(rows, 0);
  int together = 0;
  for (round.round = 0; round.round < 5000; ++round.round)
    for (const auto& bucket : buckets_of(round, 2))
      together += bucket == std::vector<std::size_t>{1, 4};
  EXPECT_NEAR(together, 1000, 4 * 28.3);  // four standard deviations
}

TEST(Bucketing, LeavesFaultsAsTheyAre) {
  const auto stage = test_stage("kind = \"bucketing\"\ns = 3");
  EXPECT_EQ(stage->faults_after(10, 2), 2u);
  EXPECT_EQ(stage->rows_after(10), 4u);
  const auto rule = test_rule("kind = \"coordinate_median\"\nbefore = [\"bucketing\"]");
  EXPECT_EQ(refusal(*rule, 9, 2), "");
  EXPECT_EQ(refusal(*rule, 8, 2), "coordinate_median needs n > 2f = 4 and 4 rows arrived");
}

}  // namespace
}  // namespace shoal
