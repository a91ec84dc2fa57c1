#include "shoal/rule/coordinate_rules.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <numeric>

#include "shoal/rule/rounds_test.h"

namespace shoal {
namespace {

constexpr const char* kRules[] = {"coordinate_median", "trimmed_mean", "mean_around_median",
                                  "phocas"};

std::vector<float> result(const std::string& kind, const TestRows& rows, std::size_t f) {
  const Aggregated got = aggregated("kind = \"" + kind + "\"", test_round(rows, f));
  EXPECT_EQ(got.kept, test_round(rows, f).senders);
  return got.row;
}

TEST(CoordinateRules, ColumnsOfTheCards) {
  const TestRows rows{{1, 0}, {2, 3}, {4, 4}, {8, 9}, {100, 9.5}};
  expect_near_row(result("coordinate_median", rows, 1), {4, 4});
  expect_near_row(result("mean_around_median", rows, 1), {3.75, 4.0});
  expect_near_row(result("mean_around_median", rows, 2), {7.0 / 3, 7.0 / 3});
  expect_near_row(result("trimmed_mean", rows, 1), {14.0 / 3, 16.0 / 3});
  // The second column tells the two apart: the median is 4 and the trimmed mean 5.33.
  expect_near_row(result("phocas", rows, 1), {3.75, 6.375});
  expect_near_row(result("phocas", rows, 2), {7.0 / 3, 7.0 / 3});
  const TestRows four(rows.begin(), rows.begin() + 4);
  expect_near_row(result("coordinate_median", four, 1), {3.0, 3.5});
}

// The server's part of SLSGD (1903.06996): x + alpha (trimmed mean - x) from x = 3.
TEST(CoordinateRules, ModelsOfSlsgd) {
  const TestRows models{{1}, {2}, {4}, {8}, {100}};
  const auto step = [&](double alpha, std::size_t trim) {
    return 3 + alpha * (result("trimmed_mean", models, trim)[0] - 3.0);
  };
  EXPECT_NEAR(step(1, 0), 23, 1e-6);
  EXPECT_NEAR(step(1, 1), 14.0 / 3, 1e-6);
  EXPECT_NEAR(step(0.5, 1), 23.0 / 6, 1e-6);
  EXPECT_NEAR(step(0.9, 2), 3.9, 1e-6);
}

TEST(CoordinateRules, TheCentreTakesTheLowerOfTwoEquallyFar) {
  const TestRows rows{{5}, {3}, {4}};
  EXPECT_EQ(result("mean_around_median", rows, 1), std::vector<float>{3.5});
  EXPECT_EQ(result("phocas", rows, 1), std::vector<float>{3.5});
}

TEST(CoordinateRules, WhatTheyReduceTo) {
  const TestRows rows = normal_rows(9, 50, 1);
  const auto mean = result("trimmed_mean", rows, 0);
  EXPECT_EQ(result("mean_around_median", rows, 0), mean);
  EXPECT_EQ(result("phocas", rows, 0), mean);
  EXPECT_EQ(result("trimmed_mean", rows, 4), result("coordinate_median", rows, 4));
  EXPECT_EQ(result("phocas", rows, 4), result("mean_around_median", rows, 4));
  const TestRows equal(7, rows[0]);
  for (const char* kind : kRules) {
    EXPECT_EQ(result(kind, {rows[3]}, 0), rows[3]);
    EXPECT_EQ(result(kind, equal, 3), rows[0]);
  }
}

TEST(CoordinateRules, MoveScaleAndFlipWithTheRows) {
  const TestRows rows = normal_rows(10, 60, 2);
  for (const char* kind : kRules) {
    const auto before = result(kind, rows, 3);
    for (const float factor : {4.0f, -1.0f, -0.5f}) {
      TestRows scaled = rows;
      for (auto& row : scaled)
        for (float& value : row) value *= factor;
      const auto after = result(kind, scaled, 3);
      for (std::size_t c = 0; c < 60; ++c) EXPECT_NEAR(after[c], factor * before[c], 1e-6) << kind;
    }
    TestRows moved = rows;
    for (auto& row : moved)
      for (float& value : row) value += 8;
    const auto after = result(kind, moved, 3);
    for (std::size_t c = 0; c < 60; ++c) EXPECT_NEAR(after[c], before[c] + 8, 4e-6) << kind;
  }
}

// They look at coordinates one by one, so turning the axes does not turn the result.
TEST(CoordinateRules, DoNotTurnWithTheRows) {
  const TestRows rows{{0, 0}, {1, 0}, {0, 1}};
  const float half = std::sqrt(0.5f);
  TestRows turned;
  for (const auto& row : rows)
    turned.push_back({half * (row[0] - row[1]), half * (row[0] + row[1])});
  for (const char* kind : kRules) {
    const auto before = result(kind, rows, 1);
    const auto after = result(kind, turned, 1);
    EXPECT_GT(std::abs(after[0] - half * (before[0] - before[1])) +
                  std::abs(after[1] - half * (before[0] + before[1])),
              0.1)
        << kind;
  }
}

TEST(CoordinateRules, AColumnDependsOnItselfAlone) {
  const TestRows rows = normal_rows(9, 40, 3);
  TestRows changed = rows;
  for (auto& row : changed) row[17] *= -3e30f;
  for (const char* kind : kRules) {
    auto before = result(kind, rows, 2), after = result(kind, changed, 2);
    EXPECT_NE(before[17], after[17]);
    before[17] = after[17] = 0;
    EXPECT_EQ(before, after) << kind;
  }
}

// Of a larger value the trimmed mean is never smaller; Phocas may be.
TEST(CoordinateRules, TheTrimmedMeanIsMonotone) {
  RandomStream stream(4, purpose("monotone"));
  for (int round = 0; round < 200; ++round) {
    TestRows rows = normal_rows(9, 8, static_cast<std::uint32_t>(round));
    const auto before = result("trimmed_mean", rows, 3);
    for (float& value : rows[stream.below(9)]) value += 0.7f;
    const auto after = result("trimmed_mean", rows, 3);
    for (std::size_t c = 0; c < 8; ++c) EXPECT_GE(after[c], before[c]);
  }
}

// q values of every dimension are +-1e30, of other senders in each: the median stays within the
// honest values and those around it within their range, widened by itself.
TEST(CoordinateRules, WildValuesAnywhere) {
  for (std::uint32_t seed = 0; seed < 100; ++seed) {
    TestRows rows = normal_rows(9, 20, seed);
    RandomStream stream(seed, purpose("wild"));
    std::vector<float> low(20, 1e9f), high(20, -1e9f);
    for (std::size_t c = 0; c < 20; ++c) {
      const auto hit = stream.sample(9, 4);
      for (std::uint32_t i = 0; i < 9; ++i) {
        if (std::count(hit.begin(), hit.end(), i) > 0) {
          rows[i][c] = stream.below(2) ? 1e30f : -1e30f;
        } else {
          low[c] = std::min(low[c], rows[i][c]);
          high[c] = std::max(high[c], rows[i][c]);
        }
      }
    }
    for (const char* kind : kRules) {
      const auto got = result(kind, rows, 4);
      const bool around = kind == kRules[2] || kind == kRules[3];
      for (std::size_t c = 0; c < 20; ++c) {
        const float wider = around ? high[c] - low[c] : 0;
        EXPECT_GE(got[c], low[c] - wider) << kind;
        EXPECT_LE(got[c], high[c] + wider) << kind;
      }
    }
  }
}

double squared_error(const std::string& kind, std::size_t n, std::size_t q, std::size_t b,
                     float sent) {
  TestRows rows = normal_rows(n, 20000, 5);
  for (std::size_t i = 0; i < q; ++i) rows[i].assign(20000, sent);
  double sum = 0;
  for (const float value : result(kind, rows, b)) sum += double(value) * value;
  return sum / 20000;
}

// Phocas, 1805.09682: mean squared errors under liars, and the two bounds.
TEST(CoordinateRules, ErrorsOfTrimmedMeanAndPhocas) {
  EXPECT_NEAR(squared_error("trimmed_mean", 20, 6, 6, 1e6f), 0.51, 0.02);
  EXPECT_NEAR(squared_error("phocas", 20, 6, 6, 1e6f), 1.0 / 14, 0.003);
  EXPECT_NEAR(squared_error("trimmed_mean", 20, 6, 6, 2), 0.48, 0.02);
  EXPECT_NEAR(squared_error("phocas", 20, 6, 6, 2), 0.74, 0.03);
  const std::size_t settings[][3] = {{20, 6, 6}, {20, 6, 8}, {10, 2, 2}};
  for (const auto& [n, q, b] : settings) {
    const double share = double((b + 1) * (n - q)) / double((n - b - q) * (n - b - q));
    for (const float sent : {1e6f, -1e6f, 2.0f, 0.5f}) {
      EXPECT_LE(squared_error("trimmed_mean", n, q, b, sent), 2 * share);
      EXPECT_LE(squared_error("phocas", n, q, b, sent), 4 + 12 * share);
    }
  }
}

TEST(CoordinateRules, RefuseWithTheArithmetic) {
  for (const char* kind : kRules)
    EXPECT_EQ(refusal(*test_rule("kind = \"" + std::string(kind) + "\""), 8, 4),
              std::string(kind) + " needs n > 2f = 8 and 8 rows arrived");
}

TEST(TrimmedMean, AgainstADirectDoubleVersion) {
  for (std::uint32_t seed = 0; seed < 100; ++seed) {
    const std::size_t n = 1 + seed % 20, f = seed % ((n + 1) / 2), dimension = 37;
    const TestRows rows = tied_rows(n, dimension, seed);
    const std::vector<float> trimmed =
        aggregate_once(rule_table("trimmed_mean"), test_round(rows, f));
    const std::vector<float> median =
        aggregate_once(rule_table("coordinate_median"), test_round(rows, f));
    for (std::size_t c = 0; c < dimension; ++c) {
      std::vector<double> column;
      for (const auto& row : rows) column.push_back(row[c]);
      std::sort(column.begin(), column.end());
      const double sum = std::accumulate(column.begin() + f, column.end() - f, 0.0);
      EXPECT_EQ(trimmed[c], static_cast<float>(sum / double(n - 2 * f)));
      EXPECT_EQ(median[c], static_cast<float>((column[(n - 1) / 2] + column[n / 2]) / 2));
    }
  }
}

TEST(TrimmedMean, AnEvenMedianIsTheMeanOfTheMiddleTwo) {
  const TestRows rows{{1}, {10}, {2}, {4}};
  EXPECT_EQ(aggregate_once(rule_table("coordinate_median"), test_round(rows, 1)),
            std::vector<float>{3});
  EXPECT_EQ(aggregate_once(rule_table("trimmed_mean"), test_round(rows, 1)), std::vector<float>{3});
  EXPECT_EQ(aggregate_once(rule_table("trimmed_mean"), test_round(rows, 0)),
            std::vector<float>{4.25});
}

// f rows anywhere cannot push trimmed mean or median out of the honest range.
TEST(CoordinateRules, StayWithinTheHonestRange) {
  for (std::uint32_t seed = 0; seed < 50; ++seed) {
    TestRows rows = tied_rows(9, 20, seed);
    for (std::size_t liar = 0; liar < 4; ++liar) rows[liar].assign(20, liar % 2 ? 3e38f : -3e38f);
    for (const char* kind : {"trimmed_mean", "coordinate_median"}) {
      const auto result = aggregate_once(rule_table(kind), test_round(rows, 4));
      for (std::size_t c = 0; c < 20; ++c) {
        float low = 1e9f, high = -1e9f;
        for (std::size_t i = 4; i < 9; ++i) {
          low = std::min(low, rows[i][c]);
          high = std::max(high, rows[i][c]);
        }
        EXPECT_GE(result[c], low);
        EXPECT_LE(result[c], high);
      }
    }
  }
}

}  // namespace
}  // namespace shoal
