#include "shoal/rule/nnm.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>

#include "shoal/rule/rounds_test.h"

namespace shoal {
namespace {

void expect_equal_rows(const TestRows& got, const TestRows& want) {
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < got.size(); ++i)
    for (std::size_t c = 0; c < got[i].size(); ++c) EXPECT_FLOAT_EQ(got[i][c], want[i][c]);
}

TEST(Nnm, FourPointsOfTheCard) {
  const TestRows rows{{0, 0}, {2, 0}, {0, 2}, {30, 40}};
  const float near = 2.0f / 3;
  expect_equal_rows(transformed("kind = \"nnm\"", test_round(rows, 1)),
                    {{near, near}, {near, near}, {near, near}, {32.0f / 3, 14}});
}

TEST(Nnm, ThreeRowsOfTheCard) {
  const TestRows rows{{1, 2, 3}, {4, 5, 6}, {7, 8, 9}};
  expect_equal_rows(transformed("kind = \"nnm\"", test_round(rows, 1)),
                    {{2.5, 3.5, 4.5}, {2.5, 3.5, 4.5}, {5.5, 6.5, 7.5}});
}

TEST(Nnm, AgainstADirectDoubleVersion) {
  for (std::uint32_t seed = 0; seed < 60; ++seed) {
    const std::size_t n = 3 + seed % 9, f = seed % ((n + 1) / 2), dimension = 5;
    const TestRows rows = tied_rows(n, dimension, seed);
    TestRows want;
    for (std::size_t i = 0; i < n; ++i) {
      std::vector<std::pair<double, std::size_t>> order;
      for (std::size_t j = 0; j < n; ++j) {
        double distance = 0;
        for (std::size_t c = 0; c < dimension; ++c)
          distance += std::pow(double(rows[i][c]) - double(rows[j][c]), 2);
        order.emplace_back(j == i ? -1.0 : distance, j);
      }
      std::sort(order.begin(), order.end());
      std::vector<float> mean(dimension);
      for (std::size_t c = 0; c < dimension; ++c) {
        double sum = 0;
        for (std::size_t k = 0; k < n - f; ++k) sum += rows[order[k].second][c];
        mean[c] = static_cast<float>(sum * (1.0 / double(n - f)));
      }
      want.push_back(mean);
    }
    EXPECT_EQ(transformed("kind = \"nnm\"", test_round(rows, f)), want) << seed;
  }
}

}  // namespace
}  // namespace shoal
