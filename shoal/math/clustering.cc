#include "shoal/math/clustering.h"

#include <algorithm>
#include <limits>

#include "shoal/base/check.h"

namespace shoal {
namespace {

constexpr std::size_t kPassesMax = 300;

using Members = std::vector<bool>;  // which points are in the second cluster

double squared_distance_of(const PairMatrix& gram, std::size_t i, std::size_t j) {
  return std::max(0.0, gram.at(i, i) + gram.at(j, j) - 2 * gram.at(i, j));
}

// ||x_i - m||^2 for the mean m of the points with member[i] == which; all +infinity without any.
std::vector<double> distances_to_mean(const PairMatrix& gram, const Members& member, bool which) {
  std::vector<std::size_t> chosen;
  for (std::size_t i = 0; i < gram.n; ++i)
    if (member[i] == which) chosen.push_back(i);
  std::vector<double> distances(gram.n, std::numeric_limits<double>::infinity());
  if (chosen.empty()) return distances;
  const double share = 1.0 / static_cast<double>(chosen.size());
  std::vector<double> with_mean(gram.n, 0.0);
  for (std::size_t i = 0; i < gram.n; ++i)
    for (const std::size_t j : chosen) with_mean[i] += gram.at(i, j) * share;
  double mean_squared = 0.0;
  for (const std::size_t j : chosen) mean_squared += with_mean[j] * share;
  for (std::size_t i = 0; i < gram.n; ++i)
    distances[i] = std::max(0.0, gram.at(i, i) - 2 * with_mean[i] + mean_squared);
  return distances;
}

struct Split {
  Members second;
  double inertia = 0.0;
};

// Ties belong to the first cluster.
Split assign(const std::vector<double>& to_first, const std::vector<double>& to_second) {
  Split split{Members(to_first.size()), 0.0};
  for (std::size_t i = 0; i < to_first.size(); ++i) {
    split.second[i] = to_second[i] < to_first[i];
    split.inertia += std::min(to_first[i], to_second[i]);
  }
  return split;
}

Split two_means_from(const PairMatrix& gram, std::size_t first, std::size_t second) {
  std::vector<double> to_first(gram.n), to_second(gram.n);
  for (std::size_t i = 0; i < gram.n; ++i) {
    to_first[i] = squared_distance_of(gram, i, first);
    to_second[i] = squared_distance_of(gram, i, second);
  }
  Split split = assign(to_first, to_second);
  for (std::size_t pass = 0; pass < kPassesMax; ++pass) {
    Split next = assign(distances_to_mean(gram, split.second, false),
                        distances_to_mean(gram, split.second, true));
    const bool settled = next.second == split.second;
    split = std::move(next);
    if (settled) break;
  }
  return split;
}

// The second centre of k-means++; gram.n when all points are one.
std::size_t far_point(const PairMatrix& gram, std::size_t first, RandomStream& stream) {
  std::vector<double> distances(gram.n);
  double total = 0.0;
  for (std::size_t i = 0; i < gram.n; ++i)
    total += distances[i] = squared_distance_of(gram, i, first);
  if (total == 0.0) return gram.n;
  double left = stream.uniform() * total;
  std::size_t last = gram.n;
  for (std::size_t i = 0; i < gram.n; ++i) {
    if (distances[i] == 0.0) continue;
    last = i;
    left -= distances[i];
    if (left < 0.0) break;
  }
  return last;
}

}  // namespace

std::vector<std::int32_t> dbscan(const PairMatrix& squared_distances, double eps,
                                 std::size_t min_points) {
  SHOAL_CHECK(eps >= 0 && min_points >= 1, "dbscan needs eps >= 0 and min_points >= 1");
  const std::size_t n = squared_distances.n;
  std::vector<std::vector<std::size_t>> near(n);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j)
      if (squared_distances.at(i, j) <= eps * eps) near[i].push_back(j);
  std::vector<std::int32_t> labels(n, kNoise);
  std::int32_t cluster = 0;
  for (std::size_t start = 0; start < n; ++start) {
    if (labels[start] != kNoise || near[start].size() < min_points) continue;
    std::vector<std::size_t> open{start};
    labels[start] = cluster;
    while (!open.empty()) {
      const std::size_t point = open.back();
      open.pop_back();
      if (near[point].size() < min_points) continue;
      for (const std::size_t other : near[point]) {
        if (labels[other] != kNoise) continue;
        labels[other] = cluster;
        open.push_back(other);
      }
    }
    ++cluster;
  }
  return labels;
}

std::vector<std::uint32_t> largest_cluster(const std::vector<std::int32_t>& labels) {
  std::vector<std::vector<std::uint32_t>> clusters;
  for (std::uint32_t i = 0; i < labels.size(); ++i) {
    if (labels[i] == kNoise) continue;
    const auto cluster = static_cast<std::size_t>(labels[i]);
    if (cluster >= clusters.size()) clusters.resize(cluster + 1);
    clusters[cluster].push_back(i);
  }
  if (clusters.empty()) return {};
  return *std::max_element(clusters.begin(), clusters.end(),
                           [](const auto& a, const auto& b) { return a.size() < b.size(); });
}

std::vector<std::uint32_t> smaller_of_two_means(const PairMatrix& gram, std::size_t restarts,
                                                RandomStream& stream) {
  if (gram.n < 2) return {};
  Split best{Members(gram.n), std::numeric_limits<double>::infinity()};
  for (std::size_t restart = 0; restart < restarts; ++restart) {
    const std::size_t first = stream.below(gram.n);
    const std::size_t second = far_point(gram, first, stream);
    if (second == gram.n) return {};
    Split split = two_means_from(gram, first, second);
    if (split.inertia < best.inertia) best = std::move(split);
  }
  std::vector<std::uint32_t> clusters[2];
  for (std::uint32_t i = 0; i < gram.n; ++i) clusters[best.second[i]].push_back(i);
  if (clusters[0].size() == clusters[1].size()) return {};
  return clusters[0].size() < clusters[1].size() ? clusters[0] : clusters[1];
}

double widest_gap(std::vector<double> values) {
  if (values.size() < 2) return 0.0;
  std::sort(values.begin(), values.end());
  std::size_t at = 0;
  for (std::size_t i = 1; i + 1 < values.size(); ++i)
    if (values[i + 1] - values[i] > values[at + 1] - values[at]) at = i;
  return (values[at] + values[at + 1]) / 2;
}

}  // namespace shoal
