#include "shoal/rule/clipping.h"

#include <gtest/gtest.h>

#include "shoal/rule/rounds_test.h"
#include "shoal/rule/rule_reference.h"

namespace shoal {
namespace {

double norm(const std::vector<float>& row) { return std::sqrt(reference::squared_norm(row)); }

TEST(Clipping, CutsLongRowsOnly) {
  const TestRows rows{{3, 4}, {0.6f, 0.8f}, {0, 0}, {-30, 40}};
  const TestRows got = transformed("kind = \"clipping\"", test_round(rows, 0));
  expect_near_row(got[0], {1.2, 1.6});
  EXPECT_EQ(got[1], rows[1]);
  EXPECT_EQ(got[2], rows[2]);
  expect_near_row(got[3], {-1.2, 1.6});
}

// 2 / 3e38 would be a denormal factor, of few digits, in float.
TEST(Clipping, KeepsTheDirectionOfAHugeRow) {
  const TestRows rows{{3e38f, -3e38f, 3e38f, 3e38f}};
  expect_near_row(transformed("kind = \"clipping\"", test_round(rows, 0))[0], {1, -1, 1, 1});
}

TEST(Clipping, KeepsSendersAndWeights) {
  const TestRows rows{{30, 40}, {0, 1}};
  RoundView round = test_round(rows, 0);
  round.weights = {0.25, 0.75};
  const Aggregated got = aggregated("kind = \"mean\"\nbefore = [\"clipping\"]", round);
  expect_near_row(got.row, {0.3, 1.15});
}

TEST(Arc, RowsOfTheCard) {
  const TestRows rows{{1, 2, 3}, {4, 5, 6}, {7, 8, 9}};
  const TestRows got = transformed("kind = \"arc\"", test_round(rows, 1));
  EXPECT_EQ(got[0], rows[0]);
  EXPECT_EQ(got[1], rows[1]);
  EXPECT_NEAR(norm(got[2]), 8.7749644, 1e-6);
  EXPECT_NEAR(got[2][0] / got[2][2], 7.0 / 9, 1e-6);
}

// floor(2f(n-f)/n) of ten rows: 0, 1.8, 3.2, 4.2 and 4.8, rounded down.
TEST(Arc, HowManyAreCut) {
  TestRows rows;
  for (std::size_t i = 1; i <= 10; ++i) rows.push_back({static_cast<float>(i)});
  const std::size_t cut[] = {0, 1, 3, 4, 4};
  for (std::size_t f = 0; f < 5; ++f) {
    const TestRows got = transformed("kind = \"arc\"", test_round(rows, f));
    for (std::size_t i = 0; i < 10; ++i)
      EXPECT_FLOAT_EQ(got[i][0], static_cast<float>(std::min(i + 1, 10 - cut[f]))) << f;
  }
}

TEST(Arc, RefusesWithTheArithmetic) {
  EXPECT_EQ(refusal(*test_stage("kind = \"arc\""), 4, 2),
            "arc needs n > 2f = 4 and 4 rows arrived");
}

}  // namespace
}  // namespace shoal
