#include "shoal/rule/bulyan.h"

#include <gtest/gtest.h>

#include "shoal/rule/rounds_test.h"
#include "shoal/rule/rule_reference.h"

namespace shoal {
namespace {

TEST(Bulyan, RowsOfTheCard) {
  const TestRows rows{{1, 1},       {1.2f, .9f}, {.9f, 1.1f}, {1.1f, 1.05f},
                      {.95f, .98f}, {1.05f, 1},  {-20, 30}};
  EXPECT_EQ(reference::bulyan_order(rows, 1), (reference::Numbers{0, 5, 4, 1, 2}));
  const Aggregated got = aggregated("kind = \"bulyan\"", test_round(rows, 1));
  expect_near_row(got.row, {1.0, 0.9933333});
  EXPECT_EQ(got.kept, (std::vector<std::uint32_t>{10, 11, 12, 14, 15}));
}

// A liar near enough for Krum may still not move one coordinate far.
TEST(Bulyan, BoundsASingleCoordinate) {
  TestRows rows = normal_rows(11, 400, 2);
  for (std::size_t liar = 9; liar < 11; ++liar) {
    rows[liar] = rows[0];
    rows[liar][7] = 20;
  }
  const auto got = aggregated("kind = \"bulyan\"", test_round(rows, 2));
  EXPECT_LT(std::abs(got.row[7]), 4);
}

TEST(Bulyan, WithoutLiarsIsTheMean) {
  const TestRows rows = normal_rows(5, 20, 3);
  const auto mean = aggregated("kind = \"mean\"", test_round(rows, 0));
  const auto got = aggregated("kind = \"bulyan\"", test_round(rows, 0));
  for (std::size_t c = 0; c < 20; ++c) EXPECT_NEAR(got.row[c], mean.row[c], 1e-6);
}

TEST(Bulyan, RefusesWithTheArithmetic) {
  EXPECT_EQ(refusal(*test_rule("kind = \"bulyan\""), 10, 2),
            "bulyan needs n >= 4f+3 = 11 and 10 rows arrived");
  EXPECT_EQ(refusal(*test_rule("kind = \"bulyan\""), 11, 2), "");
}

}  // namespace
}  // namespace shoal
