// What every run prints about its partition: sizes, label skew, rows lost, and a digest.
//
// Conventions: entropies in nats; p_c is the label distribution of all nodes' rows together;
// deviations are population ones; skewness is the bias-adjusted estimator (LEAF prints the biased
// one). Label figures are over nodes that have rows; means of them are weighted by rows.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "shoal/base/result.h"
#include "shoal/base/sha256.h"
#include "shoal/data/partition.h"

namespace shoal {

// Of a label histogram p against a reference q (both counts, not yet normalised).
struct LabelSkew {
  std::size_t classes_present = 0;
  double entropy = 0.0;            // H = -sum p ln p
  double effective_entropy = 0.0;  // exp(H)
  double effective_simpson = 0.0;  // 1 / sum p^2
  double total_variation = 0.0;    // 0.5 sum |p - q|; Zhao et al.'s EMD is twice this
  double jensen_shannon = 0.0;     // H((p+q)/2) - (H(p) + H(q))/2, at most ln 2
};
LabelSkew label_skew(std::span<const std::uint64_t> counts,
                     std::span<const std::uint64_t> reference);

struct SizeSkew {
  std::uint64_t smallest = 0;
  std::uint64_t largest = 0;
  double mean = 0.0;
  double variation = 0.0;  // deviation / mean
  double gini = 0.0;
  double skewness = 0.0;           // NaN for fewer than 3 nodes
  double effective_clients = 0.0;  // (sum n)^2 / sum n^2
};
SizeSkew size_skew(std::span<const std::uint64_t> sizes);

struct PartitionStatistics {
  std::size_t nodes = 0;
  std::size_t classes = 0;
  std::size_t empty_nodes = 0;
  std::uint64_t rows = 0;         // of the data set
  std::uint64_t rows_lost = 0;    // that no node holds
  std::uint64_t rows_shared = 0;  // that several nodes hold, or one node more than once
  std::vector<std::uint64_t> sizes;
  SizeSkew size;
  std::vector<std::uint64_t> histogram;  // nodes * classes
  std::vector<LabelSkew> labels;         // one a node; empty for regression
  double mean_total_variation = 0.0;
  double mean_jensen_shannon = 0.0;
  double mean_effective_classes = 0.0;  // of exp(H)
  Digest digest{};
};

// Unlabelled rows (class_lists) count as held, but their labels are not looked at.
PartitionStatistics partition_statistics(const Partition& partition);

// SHA-256 of the number of nodes and, for each, its number of rows and their ids; u64 and u32,
// little-endian; then the same of the unlabelled rows, where there are any.
Digest partition_digest(const Partition& partition);

// Heterogeneity of gradients g_i with weights p_i (normalised here; none negative, not all 0):
// g = sum p_i g_i, zeta^2 = sum p_i ||g_i - g||^2, B^2 = sum p_i ||g_i||^2 / ||g||^2.
struct GradientDissimilarity {
  double zeta_squared = 0.0;
  double b_squared = 0.0;  // infinite where g = 0 and some g_i is not; 1 where all are 0
};
GradientDissimilarity gradient_dissimilarity(std::span<const std::span<const float>> gradients,
                                             std::span<const double> weights);
GradientDissimilarity gradient_dissimilarity(std::span<const std::span<const double>> gradients,
                                             std::span<const double> weights);

// A table of the figures over all nodes, one a line.
std::string statistics_table(const PartitionStatistics& statistics);
// Labels down, nodes across, the share of the label in the node from ' ' (none) to '@' (all);
// at most max_nodes columns, and a line that says so when there are more.
std::string label_heat_map(const PartitionStatistics& statistics, std::size_t max_nodes = 100);
// One line a node: node, rows, the label figures, then the count of each label.
std::string statistics_csv(const PartitionStatistics& statistics);

}  // namespace shoal
