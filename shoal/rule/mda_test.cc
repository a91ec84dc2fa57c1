#include "shoal/rule/mda.h"

#include <gtest/gtest.h>

#include "shoal/rule/rounds_test.h"

namespace shoal {
namespace {

TEST(Mda, PointsOfTheCard) {
  const TestRows rows{{0, 0}, {1, 0}, {0, 1}, {1, 1}, {5, 5}};
  const Aggregated got = aggregated("kind = \"mda\"", test_round(rows, 1));
  EXPECT_EQ(got.row, (std::vector<float>{.5, .5}));
  EXPECT_EQ(got.kept, (std::vector<std::uint32_t>{10, 11, 12, 13}));
}

TEST(Mda, OfEqualDiametersTheFirst) {
  const TestRows rows{{9}, {0}, {1}, {2}, {1}};
  // {1, 2, 3}, {1, 2, 4}, ...: rows 11, 12, 14 have diameter 1, as have 12, 13, 14.
  EXPECT_EQ(aggregated("kind = \"mda\"", test_round(rows, 2)).kept,
            (std::vector<std::uint32_t>{11, 12, 14}));
}

TEST(Mda, RefusesWithTheArithmetic) {
  EXPECT_EQ(refusal(*test_rule("kind = \"mda\""), 4, 2), "mda needs n > 2f = 4 and 4 rows arrived");
  EXPECT_EQ(
      refusal(*test_rule("kind = \"mda\""), 30, 12),
      "mda looks at all C(n, f) = C(30, 12) = 8.65e+07 subsets and the limit is 10000000; use "
      "fewer rows or another rule, such as multi_krum");
  EXPECT_EQ(refusal(*test_rule("kind = \"mda\""), 25, 12), "");  // 5200300
}

}  // namespace
}  // namespace shoal
