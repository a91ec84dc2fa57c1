#include "shoal/data/held_out.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <map>
#include <set>

#include "shoal/data/partition_test_tools.h"

namespace shoal {
namespace {

void expect_disjoint_cover(const SplitRows& split, std::size_t rows) {
  Rows all = split.train;
  all.insert(all.end(), split.test.begin(), split.test.end());
  std::sort(all.begin(), all.end());
  ASSERT_EQ(all.size(), rows);
  for (std::size_t i = 0; i < rows; ++i) EXPECT_EQ(all[i], i);
}

TEST(HeldOut, TakesAFractionOfEachClass) {
  const auto data = toy_images(103, 4, 1);  // classes of 26, 26, 26, 25 rows
  const auto split = stratified_split(*data, 0.2, 1).value();
  expect_disjoint_cover(split, 103);
  std::map<int, int> test;
  for (const std::uint32_t row : split.test) ++test[data->labels[row]];
  EXPECT_EQ(test, (std::map<int, int>{{0, 5}, {1, 5}, {2, 5}, {3, 5}}));
  EXPECT_EQ(stratified_split(*data, 0.2, 1)->test, split.test);
  EXPECT_NE(stratified_split(*data, 0.2, 2)->test, split.test);
  for (const double wrong : {0.0, 1.0, -0.1, std::nan("")})
    EXPECT_FALSE(stratified_split(*data, wrong, 1).ok());
}

TEST(HeldOut, LeavesEveryUserARowOnBothSides) {
  auto data = std::make_shared<Dataset>(*toy_images(9, 2, 1));
  data->users = {0, 0, 1, 1, 1, 1, 1, 1, 2};
  const auto split = split_each_user(*data, 0.1, 3).value();
  expect_disjoint_cover(split, 9);
  std::map<std::uint32_t, int> test;
  for (const std::uint32_t row : split.test) ++test[data->users[row]];
  EXPECT_EQ(test, (std::map<std::uint32_t, int>{{0, 1}, {1, 1}}));
}

TEST(HeldOut, KeepsUsersWhole) {
  const auto data = toy_images(200, 2, 10);
  const auto split = split_by_user(*data, 0.3, 3).value();
  expect_disjoint_cover(split, 200);
  std::set<std::uint32_t> train;
  std::set<std::uint32_t> test;
  for (const std::uint32_t row : split.train) train.insert(data->users[row]);
  for (const std::uint32_t row : split.test) test.insert(data->users[row]);
  EXPECT_EQ(train.size(), 7u);
  EXPECT_EQ(test.size(), 3u);
}

TEST(Standardise, UsesTrainingStatisticsForBoth) {
  Dataset train;
  train.rows = 2;
  train.features = 2;
  train.x = {1, 7, 3, 7};
  Dataset test = train;
  test.x = {5, 7, 2, 9};
  standardise(train, test);
  EXPECT_EQ(train.x, (std::vector<float>{-1, 0, 1, 0}));
  EXPECT_EQ(test.x, (std::vector<float>{3, 0, 0, 0}));
}

}  // namespace
}  // namespace shoal
