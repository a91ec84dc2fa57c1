#include "shoal/rule/sign_majority.h"

#include <gtest/gtest.h>

#include "shoal/base/thread_pool.h"
#include "shoal/rule/rounds_test.h"

namespace shoal {
namespace {

TEST(SignMajority, CountsVotes) {
  const TestRows rows{{5, -1, 0, 1e-45f}, {-.1f, -7, -0.0f, 1}, {2, 9, 0, 0}, {-3e38f, -2, 1, 0}};
  EXPECT_EQ(aggregate_once(rule_table("sign_majority"), test_round(rows, 1)),
            (std::vector<float>{0, -1, 1, 1}));
  EXPECT_FALSE(make_rule(rule_table("sign_majority"))->check(4, 2).ok());
}

// Rows longer than a block, with and without threads.
TEST(SignMajority, BlocksAndThreads) {
  const TestRows rows = tied_rows(5, 10001, 6);
  RoundView round = test_round(rows, 2);
  const auto rule = make_rule(rule_table("sign_majority"));
  const std::vector<float> alone = outcome_of(*rule, round).row;
  for (std::size_t c = 0; c < alone.size(); ++c) {
    int votes = 0;
    for (const auto& row : rows) votes += (row[c] > 0) - (row[c] < 0);
    ASSERT_EQ(alone[c], float((votes > 0) - (votes < 0))) << c;
  }
  ThreadPool pool(3);
  round.pool = &pool;
  EXPECT_EQ(outcome_of(*rule, round).row, alone);
}

}  // namespace
}  // namespace shoal
