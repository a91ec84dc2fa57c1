#include "shoal/data/partition_statistics.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>
#include <numeric>

#include "shoal/base/check.h"

namespace shoal {
namespace {

std::vector<double> normalised(std::span<const std::uint64_t> counts) {
  double total = 0.0;
  for (const std::uint64_t count : counts) total += static_cast<double>(count);
  std::vector<double> p(counts.size(), 0.0);
  if (total > 0.0)
    for (std::size_t c = 0; c < p.size(); ++c) p[c] = static_cast<double>(counts[c]) / total;
  return p;
}

double entropy(std::span<const double> p) {
  double sum = 0.0;
  for (const double value : p)
    if (value > 0.0) sum -= value * std::log(value);
  return sum;
}

// Counts rows that nobody or several hold.
void count_coverage(const Partition& partition, PartitionStatistics& statistics) {
  std::vector<std::uint8_t> held(partition.data->rows, 0);
  for (const auto* lists : {&partition.nodes, &partition.unlabelled})
    for (const Rows& rows : *lists)
      for (const std::uint32_t row : rows) {
        SHOAL_CHECK(row < held.size(), "a partition names a row outside its data");
        if (held[row] < 2) ++held[row];
      }
  for (const std::uint8_t times : held) {
    statistics.rows_lost += times == 0;
    statistics.rows_shared += times == 2;
  }
}

void count_labels(const Partition& partition, PartitionStatistics& statistics) {
  const std::size_t classes = statistics.classes;
  statistics.histogram.assign(statistics.nodes * classes, 0);
  std::vector<std::uint64_t> all(classes, 0);
  for (std::size_t i = 0; i < statistics.nodes; ++i)
    for (const std::uint32_t row : partition.nodes[i]) {
      const auto c = static_cast<std::size_t>(partition.data->labels[row]);
      ++statistics.histogram[i * classes + c];
      ++all[c];
    }
  double total = 0.0;
  for (std::size_t i = 0; i < statistics.nodes; ++i) {
    const auto counts = std::span(statistics.histogram).subspan(i * classes, classes);
    statistics.labels.push_back(label_skew(counts, all));
    const auto weight = static_cast<double>(statistics.sizes[i]);
    total += weight;
    statistics.mean_total_variation += weight * statistics.labels[i].total_variation;
    statistics.mean_jensen_shannon += weight * statistics.labels[i].jensen_shannon;
    statistics.mean_effective_classes += weight * statistics.labels[i].effective_entropy;
  }
  if (total == 0.0) return;
  statistics.mean_total_variation /= total;
  statistics.mean_jensen_shannon /= total;
  statistics.mean_effective_classes /= total;
}

template <class Scalar>
GradientDissimilarity dissimilarity(std::span<const std::span<const Scalar>> gradients,
                                    std::span<const double> weights) {
  SHOAL_CHECK(!gradients.empty() && gradients.size() == weights.size(),
              "gradient dissimilarity needs one weight a gradient");
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  SHOAL_CHECK(total > 0.0, "gradient dissimilarity needs a positive weight");
  std::vector<double> mean(gradients[0].size(), 0.0);
  double squares = 0.0;
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    SHOAL_CHECK(gradients[i].size() == mean.size(), "gradients of different sizes");
    const double p = weights[i] / total;
    for (std::size_t j = 0; j < mean.size(); ++j) {
      const auto g = static_cast<double>(gradients[i][j]);
      mean[j] += p * g;
      squares += p * g * g;
    }
  }
  GradientDissimilarity out;
  for (std::size_t i = 0; i < gradients.size(); ++i)
    for (std::size_t j = 0; j < mean.size(); ++j) {
      const double away = static_cast<double>(gradients[i][j]) - mean[j];
      out.zeta_squared += weights[i] / total * away * away;
    }
  double norm = 0.0;
  for (const double value : mean) norm += value * value;
  if (squares == 0.0)
    out.b_squared = 1.0;
  else
    out.b_squared = norm > 0.0 ? squares / norm : std::numeric_limits<double>::infinity();
  return out;
}

void hash_lists(Sha256& hash, const std::vector<Rows>& lists) {
  hash.number<std::uint64_t>(lists.size());
  for (const Rows& rows : lists) {
    hash.number<std::uint64_t>(rows.size());
    hash.update(std::as_bytes(std::span(rows)));
  }
}

}  // namespace

LabelSkew label_skew(std::span<const std::uint64_t> counts,
                     std::span<const std::uint64_t> reference) {
  SHOAL_CHECK(counts.size() == reference.size(), "label histograms of different lengths");
  const auto p = normalised(counts);
  const auto q = normalised(reference);
  LabelSkew skew;
  if (std::accumulate(p.begin(), p.end(), 0.0) == 0.0) return skew;
  double squares = 0.0;
  std::vector<double> middle(p.size());
  for (std::size_t c = 0; c < p.size(); ++c) {
    skew.classes_present += counts[c] > 0;
    squares += p[c] * p[c];
    skew.total_variation += 0.5 * std::abs(p[c] - q[c]);
    middle[c] = 0.5 * (p[c] + q[c]);
  }
  skew.entropy = entropy(p);
  skew.effective_entropy = std::exp(skew.entropy);
  skew.effective_simpson = 1.0 / squares;
  skew.jensen_shannon = std::max(0.0, entropy(middle) - 0.5 * (skew.entropy + entropy(q)));
  return skew;
}

SizeSkew size_skew(std::span<const std::uint64_t> sizes) {
  SHOAL_CHECK(!sizes.empty(), "the sizes of no nodes");
  std::vector<std::uint64_t> sorted(sizes.begin(), sizes.end());
  std::sort(sorted.begin(), sorted.end());
  const auto n = static_cast<double>(sorted.size());
  SizeSkew skew;
  skew.smallest = sorted.front();
  skew.largest = sorted.back();
  double sum = 0.0;
  double squares = 0.0;
  double ranked = 0.0;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    const auto size = static_cast<double>(sorted[i]);
    sum += size;
    squares += size * size;
    ranked += (2.0 * static_cast<double>(i + 1) - n - 1.0) * size;
  }
  skew.mean = sum / n;
  if (sum == 0.0) return skew;
  double second = 0.0;
  double third = 0.0;
  for (const std::uint64_t size : sorted) {
    const double away = static_cast<double>(size) - skew.mean;
    second += away * away / n;
    third += away * away * away / n;
  }
  skew.variation = std::sqrt(second) / skew.mean;
  skew.gini = ranked / (n * sum);
  skew.effective_clients = sum * sum / squares;
  if (sorted.size() < 3)
    skew.skewness = std::numeric_limits<double>::quiet_NaN();
  else if (second > 0.0)
    skew.skewness = third / std::pow(second, 1.5) * std::sqrt(n * (n - 1.0)) / (n - 2.0);
  return skew;
}

PartitionStatistics partition_statistics(const Partition& partition) {
  PartitionStatistics statistics;
  statistics.nodes = partition.nodes.size();
  statistics.classes = partition.data->classes;
  statistics.rows = partition.data->rows;
  for (const Rows& rows : partition.nodes) {
    statistics.sizes.push_back(rows.size());
    statistics.empty_nodes += rows.empty();
  }
  statistics.size = size_skew(statistics.sizes);
  count_coverage(partition, statistics);
  if (statistics.classes > 0) count_labels(partition, statistics);
  statistics.digest = partition_digest(partition);
  return statistics;
}

Digest partition_digest(const Partition& partition) {
  Sha256 hash;
  hash_lists(hash, partition.nodes);
  if (!partition.unlabelled.empty()) hash_lists(hash, partition.unlabelled);
  return hash.finish();
}

GradientDissimilarity gradient_dissimilarity(std::span<const std::span<const float>> gradients,
                                             std::span<const double> weights) {
  return dissimilarity(gradients, weights);
}
GradientDissimilarity gradient_dissimilarity(std::span<const std::span<const double>> gradients,
                                             std::span<const double> weights) {
  return dissimilarity(gradients, weights);
}

std::string statistics_table(const PartitionStatistics& statistics) {
  const SizeSkew& size = statistics.size;
  std::string out;
  const auto line = [&](const char* name, const std::string& value) {
    out += fmt::format("{:<28}{}\n", name, value);
  };
  line("nodes", fmt::format("{} ({} empty)", statistics.nodes, statistics.empty_nodes));
  line("rows", fmt::format("{} ({} lost, {} shared)", statistics.rows, statistics.rows_lost,
                           statistics.rows_shared));
  line("rows a node, min/mean/max",
       fmt::format("{} / {:.1f} / {}", size.smallest, size.mean, size.largest));
  line("  coefficient of variation", fmt::format("{:.4f}", size.variation));
  line("  Gini", fmt::format("{:.4f}", size.gini));
  line("  skewness", fmt::format("{:.4f}", size.skewness));
  line("  effective clients", fmt::format("{:.2f}", size.effective_clients));
  if (statistics.classes > 0) {
    line("effective classes, mean", fmt::format("{:.3f}", statistics.mean_effective_classes));
    line("total variation, mean", fmt::format("{:.4f}", statistics.mean_total_variation));
    line("Jensen-Shannon, mean", fmt::format("{:.4f}", statistics.mean_jensen_shannon));
  }
  line("SHA-256", hex(statistics.digest));
  return out;
}

std::string label_heat_map(const PartitionStatistics& statistics, std::size_t max_nodes) {
  constexpr std::string_view kShades = " .:-=+*#%@";
  const std::size_t shown = std::min(statistics.nodes, max_nodes);
  std::string out;
  for (std::size_t c = 0; c < statistics.classes; ++c) {
    out += fmt::format("{:>5} |", c);
    for (std::size_t i = 0; i < shown; ++i) {
      const std::uint64_t count = statistics.histogram[i * statistics.classes + c];
      const double share = statistics.sizes[i] == 0 ? 0.0
                                                    : static_cast<double>(count) /
                                                          static_cast<double>(statistics.sizes[i]);
      auto shade = static_cast<std::size_t>(std::ceil(share * (kShades.size() - 1)));
      out += kShades[std::min(shade, kShades.size() - 1)];
    }
    out += "|\n";
  }
  if (shown < statistics.nodes)
    out += fmt::format("      the first {} of {} nodes\n", shown, statistics.nodes);
  return out;
}

std::string statistics_csv(const PartitionStatistics& statistics) {
  std::string out =
      "node,rows,classes_present,entropy,effective_entropy,effective_simpson,total_variation,"
      "jensen_shannon";
  for (std::size_t c = 0; c < statistics.classes; ++c) out += fmt::format(",label_{}", c);
  out += '\n';
  for (std::size_t i = 0; i < statistics.nodes; ++i) {
    const LabelSkew skew = statistics.classes > 0 ? statistics.labels[i] : LabelSkew{};
    out += fmt::format("{},{},{},{},{},{},{},{}", i, statistics.sizes[i], skew.classes_present,
                       skew.entropy, skew.effective_entropy, skew.effective_simpson,
                       skew.total_variation, skew.jensen_shannon);
    for (std::size_t c = 0; c < statistics.classes; ++c)
      out += fmt::format(",{}", statistics.histogram[i * statistics.classes + c]);
    out += '\n';
  }
  return out;
}

}  // namespace shoal
