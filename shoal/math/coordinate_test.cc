#include "shoal/math/coordinate.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <gtest/gtest.h>

#include "shoal/base/random.h"
#include "shoal/math/simd_test.h"

namespace shoal {
namespace {

std::vector<std::vector<float>> random_rows(std::size_t n, std::size_t dimension,
                                            std::uint32_t seed, bool ties) {
  RandomStream stream(seed, purpose("coordinate test"));
  std::vector<std::vector<float>> rows(n, std::vector<float>(dimension));
  for (auto& row : rows)
    for (float& value : row)
      value = ties ? float(stream.below(4)) - 1.5f : static_cast<float>(stream.normal());
  if (ties) rows[0].assign(dimension, -0.0f);
  return rows;
}

// The order statistics the slow way.
void reference_trimmed(const std::vector<std::vector<float>>& rows, std::size_t trim,
                       std::vector<float>& out) {
  std::vector<float> column(rows.size());
  for (std::size_t c = 0; c < out.size(); ++c) {
    for (std::size_t i = 0; i < rows.size(); ++i) column[i] = rows[i][c] + 0.0f;
    std::sort(column.begin(), column.end());
    double sum = 0.0;
    for (std::size_t r = trim; r < rows.size() - trim; ++r) sum += column[r];
    out[c] = static_cast<float>(sum / static_cast<double>(rows.size() - 2 * trim));
  }
}

TEST(Coordinate, BitEqualToSortingEveryColumn) {
  for (const bool ties : {false, true}) {
    for (std::size_t n : {1u, 2u, 3u, 4u, 7u, 16u, 25u, 64u, 65u, 130u, 600u}) {
      const std::size_t dimension = n > 100 ? 70 : 533;
      const auto held = random_rows(n, dimension, 5, ties);
      const std::vector<Row> rows(held.begin(), held.end());
      std::vector<float> got(dimension), want(dimension);
      for (const std::size_t trim : {std::size_t{0}, (n - 1) / 4, (n - 1) / 2}) {
        reference_trimmed(held, trim, want);
        on_every_simd_target([&](const char* target) {
          coordinate_trimmed_mean(rows, trim, got);
          EXPECT_EQ(got, want) << target << " n " << n << " trim " << trim;
        });
      }
      reference_trimmed(held, (n - 1) / 2, want);
      coordinate_median(rows, got);
      EXPECT_EQ(got, want);
    }
  }
}

// The slow way: the farther end of the sorted column leaves, the upper one of two equally far,
// until `kept` values are left.
float nearest_mean(const std::vector<float>& sorted, double centre, std::size_t kept) {
  std::size_t low = 0, high = sorted.size();
  while (high - low > kept) {
    if (sorted[high - 1] - centre >= centre - sorted[low])
      --high;
    else
      ++low;
  }
  double sum = 0.0;
  for (std::size_t r = low; r < high; ++r) sum += sorted[r];
  return static_cast<float>(sum / static_cast<double>(kept));
}

TEST(Coordinate, NearACentreBitEqualToPeelingEveryColumn) {
  for (const bool ties : {false, true}) {
    for (std::size_t n : {1u, 2u, 3u, 7u, 16u, 25u, 65u, 600u}) {
      const std::size_t dimension = n > 100 ? 70 : 533;
      auto held = random_rows(n, dimension, 9, ties);
      // Columns whose values differ more than a float can subtract.
      for (std::size_t i = 0; i < n; i += 3)
        held[i][5] *= 2e37f, held[i][6] = i % 2 ? 3e38f : -3e38f;
      const std::vector<Row> rows(held.begin(), held.end());
      std::vector<float> got(dimension), around(dimension), phocas(dimension);
      for (const std::size_t dropped : {std::size_t{0}, n / 4, (n - 1) / 2, n - 1}) {
        const bool trims = 2 * dropped < n;
        for (std::size_t c = 0; c < dimension; ++c) {
          std::vector<float> column;
          for (const auto& row : held) column.push_back(row[c] + 0.0f);
          std::sort(column.begin(), column.end());
          const double median = (double(column[(n - 1) / 2]) + double(column[n / 2])) / 2;
          around[c] = nearest_mean(column, median, n - dropped);
          double sum = 0.0;
          for (std::size_t r = dropped; trims && r < n - dropped; ++r) sum += column[r];
          if (trims) phocas[c] = nearest_mean(column, sum / double(n - 2 * dropped), n - dropped);
        }
        on_every_simd_target([&](const char* target) {
          coordinate_mean_around_median(rows, dropped, got);
          EXPECT_EQ(got, around) << target << " n " << n << " dropped " << dropped;
          if (!trims) return;
          coordinate_phocas(rows, dropped, got);
          EXPECT_EQ(got, phocas) << target << " n " << n << " trim " << dropped;
        });
      }
    }
  }
}

TEST(Coordinate, EveryRankOfABlock) {
  const auto held = random_rows(23, 1000, 6, false);
  const std::vector<Row> rows(held.begin(), held.end());
  std::vector<int> visits(1000, 0);
  for_each_sorted_block(rows, 0, 22, [&](const SortedBlock& block) {
    for (std::size_t c = 0; c < block.count; ++c) {
      std::vector<float> column;
      for (const auto& row : held) column.push_back(row[block.begin + c]);
      std::sort(column.begin(), column.end());
      for (std::size_t r = 0; r < 23; ++r) ASSERT_EQ(block.rank(r)[c], column[r]);
      ++visits[block.begin + c];
    }
  });
  EXPECT_EQ(visits, std::vector<int>(1000, 1));
}

TEST(Coordinate, ThreadsChangeNothing) {
  const auto held = random_rows(9, 50001, 7, false);
  const std::vector<Row> rows(held.begin(), held.end());
  std::vector<float> alone(50001), shared(50001);
  coordinate_median(rows, alone);
  ThreadPool pool(3);
  coordinate_median(rows, shared, &pool);
  EXPECT_EQ(alone, shared);
}

TEST(Coordinate, MedianOfHugeValuesDoesNotOverflow) {
  const std::vector<float> a{3e38f}, b{3.2e38f};
  const std::vector<Row> rows{a, b};
  std::vector<float> out(1);
  coordinate_median(rows, out);
  EXPECT_FLOAT_EQ(out[0], 3.1e38f);
}

}  // namespace
}  // namespace shoal
