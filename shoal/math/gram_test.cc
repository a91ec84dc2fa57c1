#include "shoal/math/gram.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>

#include "shoal/base/random.h"
#include "shoal/math/simd_test.h"

namespace shoal {
namespace {

struct Rows {
  std::vector<std::vector<float>> held;
  std::vector<Row> views() const { return {held.begin(), held.end()}; }
};

Rows random_rows(std::size_t n, std::size_t dimension, double centre, double spread) {
  Rows rows;
  for (std::size_t i = 0; i < n; ++i) {
    RandomStream stream(9, purpose("gram test"), static_cast<std::uint32_t>(i));
    std::vector<float> row(dimension);
    for (float& value : row) value = static_cast<float>(centre + spread * stream.normal());
    rows.held.push_back(row);
  }
  return rows;
}

TEST(Gram, DistancesAgainstLongDouble) {
  for (const std::size_t dimension : {0u, 1u, 17u, 1000u, 1024u, 40000u}) {
    const Rows rows = random_rows(9, dimension, 0, 1);
    const PairMatrix d = squared_distances(rows.views());
    for (std::size_t i = 0; i < 9; ++i) {
      for (std::size_t j = 0; j < 9; ++j) {
        long double sum = 0;
        for (std::size_t c = 0; c < dimension; ++c) {
          const long double difference =
              static_cast<long double>(rows.held[i][c]) - static_cast<long double>(rows.held[j][c]);
          sum += difference * difference;
        }
        EXPECT_NEAR(d.at(i, j), double(sum), 1e-6 * double(sum));
        EXPECT_EQ(d.at(i, j), d.at(j, i));
      }
      EXPECT_EQ(d.at(i, i), 0.0);
    }
  }
}

// The robust card's trap: entries 100 +- 1e-3, where uncentred float products give D in -4..4.
TEST(Gram, FarFromTheOriginNothingIsLost) {
  const Rows rows = random_rows(6, 1000, 100, 1e-3);
  const PairMatrix d = squared_distances(rows.views());
  const PairMatrix k = gram_matrix(rows.views(), rows.held[2]);
  for (std::size_t i = 0; i < 6; ++i) {
    for (std::size_t j = 0; j < 6; ++j) {
      long double sum = 0;
      for (std::size_t c = 0; c < 1000; ++c) {
        const long double difference =
            static_cast<long double>(rows.held[i][c]) - static_cast<long double>(rows.held[j][c]);
        sum += difference * difference;
      }
      EXPECT_NEAR(d.at(i, j), double(sum), 1e-6 * double(sum));
      EXPECT_NEAR(k.at(i, i) + k.at(j, j) - 2 * k.at(i, j), double(sum), 1e-6 * double(sum));
    }
  }
}

// Without a reference the same trap costs ten digits of sixteen, and no more.
TEST(Gram, WithoutAReferenceAgainstLongDouble) {
  for (const std::size_t n : {1u, 2u, 3u, 4u, 5u, 7u, 9u, 12u})
    for (const std::size_t dimension : {0u, 1u, 15u, 16u, 511u, 513u, 40001u}) {
      const Rows rows = random_rows(n, dimension, 0.3, 1);
      const PairMatrix k = gram_matrix(rows.views());
      for (std::size_t i = 0; i < n; ++i)
        for (std::size_t j = 0; j < n; ++j) {
          long double sum = 0, size = 0;
          for (std::size_t c = 0; c < dimension; ++c) {
            const long double product = static_cast<long double>(rows.held[i][c]) *
                                        static_cast<long double>(rows.held[j][c]);
            sum += product;
            size += std::abs(product);
          }
          EXPECT_NEAR(k.at(i, j), double(sum), 1e-13 * double(size)) << n << " " << dimension;
          EXPECT_EQ(k.at(i, j), k.at(j, i));
        }
    }
  const Rows far = random_rows(6, 1000, 100, 1e-3);
  const PairMatrix k = gram_matrix(far.views()), d = squared_distances(far.views());
  for (std::size_t i = 0; i < 6; ++i)
    for (std::size_t j = 0; j < 6; ++j)
      EXPECT_NEAR(k.at(i, i) + k.at(j, j) - 2 * k.at(i, j), d.at(i, j), 1e-7);
}

TEST(Gram, DistancesToAPoint) {
  const Rows rows = random_rows(4, 40001, 0, 1);
  const std::vector<float> point(40001, 0.5f);
  const auto distances = squared_distances_to(rows.views(), point);
  for (std::size_t i = 0; i < 4; ++i)
    EXPECT_NEAR(distances[i], squared_distance(rows.held[i], point), 1e-12 * distances[i]);
  ThreadPool pool(3);
  EXPECT_EQ(squared_distances_to(rows.views(), point, &pool), distances);
}

TEST(Gram, HugeRowsDoNotDrownTheOthers) {
  Rows rows = random_rows(5, 500, 0, 1);
  const PairMatrix before = squared_distances(rows.views());
  rows.held[0].assign(500, 3e38f);
  rows.held[1].assign(500, -3e38f);
  const PairMatrix d = squared_distances(rows.views());
  EXPECT_EQ(d.at(0, 1), std::numeric_limits<double>::infinity());
  for (std::size_t i = 2; i < 5; ++i)
    for (std::size_t j = 2; j < 5; ++j) EXPECT_EQ(d.at(i, j), before.at(i, j));
  rows.held[1] = rows.held[0];
  EXPECT_EQ(squared_distances(rows.views()).at(0, 1), 0.0);
}

TEST(Gram, SameBitsOnEveryTargetAndThreadCount) {
  const Rows rows = random_rows(11, 70001, 0.5, 1);
  const PairMatrix d = squared_distances(rows.views());
  const PairMatrix k = gram_matrix(rows.views(), rows.held[3]);
  const PairMatrix products = gram_matrix(rows.views());
  on_every_simd_target([&](const char* target) {
    EXPECT_EQ(gram_matrix(rows.views()).values, products.values) << target;
    EXPECT_EQ(squared_distances(rows.views()).values, d.values) << target;
    EXPECT_EQ(gram_matrix(rows.views(), rows.held[3]).values, k.values) << target;
  });
  for (const std::size_t threads : {1u, 2u, 5u}) {
    ThreadPool pool(threads);
    EXPECT_EQ(squared_distances(rows.views(), &pool).values, d.values) << threads;
    EXPECT_EQ(gram_matrix(rows.views(), rows.held[3], &pool).values, k.values) << threads;
    EXPECT_EQ(gram_matrix(rows.views(), &pool).values, products.values) << threads;
  }
}

}  // namespace
}  // namespace shoal
