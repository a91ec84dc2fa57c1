#include "shoal/run/human.h"

#include <gtest/gtest.h>

namespace shoal {
namespace {

TEST(Human, NamesUnits) {
  EXPECT_EQ(human_time(48.0), "48.0 s");
  EXPECT_EQ(human_time(1890.0), "31.5 min");
  EXPECT_EQ(human_time(119.0), "119.0 s");
  EXPECT_EQ(human_time(7200.0), "2.00 h");
  EXPECT_EQ(human_time(864000.0), "10.00 days");
  EXPECT_EQ(human_bytes(640.0), "640 B");
  EXPECT_EQ(human_bytes(3.1e8), "310.0 MB");
  EXPECT_EQ(human_bytes(1.2e9), "1.20 GB");
  EXPECT_EQ(human_bytes(5e13), "50.00 TB");
}

TEST(Human, GroupsDigitsBeforeThePoint) {
  EXPECT_EQ(human_count(0), "0");
  EXPECT_EQ(human_count(999), "999");
  EXPECT_EQ(human_count(1000), "1,000");
  EXPECT_EQ(human_count(2400000), "2,400,000");
  EXPECT_EQ(human_fixed(1526.5, 2), "1,526.50");
  EXPECT_EQ(human_fixed(123456.0, 0), "123,456");
  EXPECT_EQ(human_fixed(0.1234, 4), "0.1234");
}

TEST(Human, LeavesThreeDigitsToTheSmallest) {
  EXPECT_EQ(column_decimals({}), 0);
  EXPECT_EQ(column_decimals({0.0}), 0);
  EXPECT_EQ(column_decimals({1526.5, 15.3}), 1);
  EXPECT_EQ(column_decimals({100.0, 5000.0}), 0);
  EXPECT_EQ(column_decimals({3.29, 0.0, 1.83}), 2);
  EXPECT_EQ(column_decimals({1e-9}), 4);
}

}  // namespace
}  // namespace shoal
