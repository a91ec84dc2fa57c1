#include "shoal/rule/cge.h"

#include <gtest/gtest.h>

#include "shoal/rule/rounds_test.h"

namespace shoal {
namespace {

TEST(Cge, KeepsTheShortestAndTheLowerOfEqualOnes) {
  const TestRows rows{{3, 4}, {0, 5}, {1, 1}, {2, 2}, {4, 3}};
  const Aggregated got = aggregated("kind = \"cge\"", test_round(rows, 2));
  EXPECT_EQ(got.kept, (std::vector<std::uint32_t>{10, 12, 13}));
  expect_near_row(got.row, {2, 7.0 / 3});
}

// Norms are taken in double: 3e38 squared is beyond a float.
TEST(Cge, DropsAHugeRow) {
  const TestRows rows{{3e38f, 3e38f}, {3e38f, 0}, {1, 1}, {2, 0}, {0, 2}};
  EXPECT_EQ(aggregated("kind = \"cge\"", test_round(rows, 1)).kept,
            (std::vector<std::uint32_t>{11, 12, 13, 14}));
}

TEST(Cge, RefusesWithTheArithmetic) {
  EXPECT_EQ(refusal(*test_rule("kind = \"cge\""), 6, 3), "cge needs n > 2f = 6 and 6 rows arrived");
}

}  // namespace
}  // namespace shoal
