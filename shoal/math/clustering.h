// Small clusterings of n points known by their distances or inner products alone: what MUD-HoG
// (Gupta et al. 2022, 2208.10273) sorts clients with. O(n^2) a pass, nothing of the order of d.
#pragma once

#include <cstdint>
#include <vector>

#include "shoal/base/random.h"
#include "shoal/math/gram.h"

namespace shoal {

inline constexpr std::int32_t kNoise = -1;

// DBSCAN (Ester et al. 1996): a point with at least min_points points within eps, itself counted,
// is a core point; core points within eps of one another share a cluster, and a point near one of
// them joins the first cluster that reaches it. The result is a cluster number for every point, in
// the order of the clusters' lowest core points, or kNoise. eps >= 0, min_points >= 1.
std::vector<std::int32_t> dbscan(const PairMatrix& squared_distances, double eps,
                                 std::size_t min_points);

// Numbers of the points of the largest cluster, increasing; ties go to the cluster found first;
// empty when all is noise.
std::vector<std::uint32_t> largest_cluster(const std::vector<std::int32_t>& labels);

// Lloyd's 2-means from `restarts` starts (the first centre uniform, the second with probability
// proportional to its squared distance; k-means++) and of those the tightest, the earliest of equal
// ones. Returns the smaller cluster, increasing; empty when both are equally large, or when all
// points are one.
std::vector<std::uint32_t> smaller_of_two_means(const PairMatrix& gram, std::size_t restarts,
                                                RandomStream& stream);

// The middle of the widest gap between neighbours of the sorted values, the lowest of equally wide
// ones; 0 for fewer than two values.
double widest_gap(std::vector<double> values);

}  // namespace shoal
