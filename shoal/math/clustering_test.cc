#include "shoal/math/clustering.h"

#include <algorithm>
#include <gtest/gtest.h>

namespace shoal {
namespace {

using Numbers = std::vector<double>;
using Places = std::vector<std::uint32_t>;

PairMatrix products(const Numbers& points) {
  PairMatrix gram{points.size(), {}};
  for (const double x : points)
    for (const double y : points) gram.values.push_back(x * y);
  return gram;
}

PairMatrix distances(const Numbers& points) {
  PairMatrix result{points.size(), {}};
  for (const double x : points)
    for (const double y : points) result.values.push_back((x - y) * (x - y));
  return result;
}

Places two_means(const Numbers& points, std::uint64_t seed = 1) {
  RandomStream stream(seed, purpose("clustering test"));
  return smaller_of_two_means(products(points), 10, stream);
}

TEST(WidestGap, CasesOfTheCard) {
  EXPECT_DOUBLE_EQ(widest_gap({.9, .1, .12, .95}), .51);
  EXPECT_DOUBLE_EQ(widest_gap({1.38, 1.40, 1.385, 1.395}), 1.39);
  EXPECT_DOUBLE_EQ(widest_gap({1.38, 1.40, 1.385, 1.395, .5}), .94);
  EXPECT_EQ(widest_gap({3.0}), 0.0);
  EXPECT_EQ(widest_gap({}), 0.0);
  EXPECT_EQ(widest_gap({4.0, 0.0, 2.0}), 1.0);  // of equal gaps the lowest
}

TEST(TwoMeans, CasesOfTheCard) {
  EXPECT_EQ(two_means({0, 0, 0, 10, 10}), (Places{3, 4}));
  EXPECT_EQ(two_means({10, 0, 10, 0, 0}), (Places{0, 2}));
  EXPECT_EQ(two_means({0, 0, 10, 10}), Places{});  // a tie accuses nobody
  EXPECT_EQ(two_means({7, 7, 7}), Places{});
  EXPECT_EQ(two_means({7}), Places{});
  EXPECT_EQ(two_means({}), Places{});
}

// Over all splits of a line into two intervals (where an optimal 2-means split lies), none is
// tighter than what ten restarts found.
TEST(TwoMeans, TheTightestSplitOfALine) {
  for (std::uint32_t seed = 0; seed < 300; ++seed) {
    RandomStream stream(seed, purpose("line"));
    Numbers points(3 + stream.below(10));
    for (double& x : points) x = stream.normal() + (stream.below(3) == 0 ? 6.0 : 0.0);
    std::sort(points.begin(), points.end());
    const auto spread = [&](std::size_t begin, std::size_t end) {
      double mean = 0.0, sum = 0.0;
      for (std::size_t i = begin; i < end; ++i) mean += points[i] / double(end - begin);
      for (std::size_t i = begin; i < end; ++i) sum += (points[i] - mean) * (points[i] - mean);
      return sum;
    };
    std::size_t best = 1;
    for (std::size_t cut = 2; cut < points.size(); ++cut)
      if (spread(0, cut) + spread(cut, points.size()) <
          spread(0, best) + spread(best, points.size()))
        best = cut;
    Places want;
    const std::size_t upper = points.size() - best;
    if (best < upper)
      for (std::uint32_t i = 0; i < best; ++i) want.push_back(i);
    if (upper < best)
      for (std::uint32_t i = std::uint32_t(best); i < points.size(); ++i) want.push_back(i);
    EXPECT_EQ(two_means(points, seed), want) << seed;
  }
}

TEST(TwoMeans, AWildPointDoesNotBlurTheOthers) {
  EXPECT_EQ(two_means({0, 1, 2, 1e30}), (Places{3}));
}

TEST(Dbscan, ClustersNoiseAndBorders) {
  // Points within 1 of three, themselves counted, are core: 0, .5, 1 and 10, 10.2, 10.4.
  const Numbers points{0, .5, 1, 1.8, 10, 10.2, 10.4, 20};
  const auto labels = dbscan(distances(points), 1.0, 3);
  EXPECT_EQ(labels, (std::vector<std::int32_t>{0, 0, 0, 0, 1, 1, 1, kNoise}));
  EXPECT_EQ(largest_cluster(labels), (Places{0, 1, 2, 3}));
  EXPECT_EQ(largest_cluster({1, 0, 0, 1, kNoise, kNoise, kNoise}), (Places{1, 2}));
  EXPECT_EQ(largest_cluster({kNoise, kNoise}), Places{});
  EXPECT_EQ(dbscan(distances(points), .01, 2), std::vector<std::int32_t>(8, kNoise));
  EXPECT_EQ(dbscan(distances(points), .01, 1), (std::vector<std::int32_t>{0, 1, 2, 3, 4, 5, 6, 7}));
}

// The point at 1 is near both clusters and no core point itself when that takes four: the cluster
// found first gets it, and it does not join the two. As a core point it does.
TEST(Dbscan, ABorderPointJoinsNothing) {
  const PairMatrix points = distances({-.1, 0, .1, 1, 1.9, 2, 2.1});
  EXPECT_EQ(dbscan(points, .95, 4), (std::vector<std::int32_t>{0, 0, 0, 0, 1, 1, 1}));
  EXPECT_EQ(dbscan(points, .95, 3), (std::vector<std::int32_t>{0, 0, 0, 0, 0, 0, 0}));
}

// Against the definition: core points connected through core points, by repeated merging.
TEST(Dbscan, AgainstTheDefinition) {
  for (std::uint32_t seed = 0; seed < 300; ++seed) {
    RandomStream stream(seed, purpose("dbscan"));
    Numbers points(1 + stream.below(14));
    for (double& x : points) x = double(stream.below(30));
    const std::size_t min_points = 1 + stream.below(4);
    const double eps = 1.0 + double(stream.below(3));
    const auto near = [&](std::size_t i, std::size_t j) {
      return std::abs(points[i] - points[j]) <= eps;
    };
    std::vector<bool> core;
    for (std::size_t i = 0; i < points.size(); ++i) {
      std::size_t count = 0;
      for (std::size_t j = 0; j < points.size(); ++j) count += near(i, j);
      core.push_back(count >= min_points);
    }
    const auto labels = dbscan(distances(points), eps, min_points);
    for (std::size_t i = 0; i < points.size(); ++i) {
      bool reached = core[i];
      for (std::size_t j = 0; j < points.size(); ++j) {
        reached = reached || (core[j] && near(i, j));
        if (core[i] && core[j] && near(i, j)) {
          EXPECT_EQ(labels[i], labels[j]) << seed;
        }
      }
      EXPECT_EQ(labels[i] != kNoise, reached) << seed;
    }
  }
}

}  // namespace
}  // namespace shoal
