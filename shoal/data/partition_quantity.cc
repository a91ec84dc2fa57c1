// Quantity skew: nodes of different sizes.
//
// quantity_dirichlet (NIID-Bench, arXiv 2102.02079): sizes ~ N * Dir_n(beta), redrawn until every
// node has min_rows, max_tries times; labels IID.
// quantity_lognormal: sizes ~ lognormal(sigma), normalised to N (the median of the lognormal
// cancels, so there is no mu); labels IID. power_law (FedProx's MNIST, arXiv 1812.06127): node u
// holds base_rows rows of each of the classes u mod C, ..., u + k - 1 mod C. What is left of a
// class is promised to its holders in lognormal(0, sigma) proportions, rounded down; a node whose
// share no longer fits is skipped. Rows are left out.
#include <algorithm>
#include <cmath>

#include "shoal/base/portable_math.h"
#include "shoal/data/partition_entries.h"

namespace shoal {
namespace {

struct QuantityDirichletSettings {
  double beta = 0.5;
  std::int64_t min_rows = 10;
  std::int64_t max_tries = 1000;
};

void describe(Settings& settings, QuantityDirichletSettings& values) {
  settings.real("beta", values.beta, "concentration of the sizes: small is skewed",
                {.range = above(0), .paper = "2102.02079"});
  settings.integer("min_rows", values.min_rows, "redraw until every node has as many",
                   {.range = at_least(0), .unit = "rows", .paper = "2102.02079"});
  settings.integer("max_tries", values.max_tries, "draws before giving up",
                   {.range = at_least(1).up_to(1e6)});
}

Result<Partition> split_dirichlet_sizes(const QuantityDirichletSettings& settings,
                                        std::shared_ptr<const Dataset> data, std::size_t nodes,
                                        std::uint64_t seed) {
  SHOAL_TRY_STATUS(check_nodes(*data, nodes));
  const auto least = static_cast<std::size_t>(settings.min_rows);
  if (least > data->rows / nodes)
    return invalid_argument(
        fmt::format("min_rows {} for {} nodes is more than the {} rows", least, nodes, data->rows));
  const std::vector<double> betas(nodes, settings.beta);
  for (std::int64_t attempt = 0; attempt < settings.max_tries; ++attempt) {
    auto stream = partition_stream(seed, "quantity_dirichlet", static_cast<std::uint32_t>(attempt));
    const auto sizes = sizes_by_proportions(stream.dirichlet(betas), data->rows);
    if (*std::min_element(sizes.begin(), sizes.end()) < least) continue;
    auto lists = cut_shuffled(data->rows, sizes, stream);
    return Partition{std::move(data), std::move(lists)};
  }
  return limit_exceeded(fmt::format(
      "{} draws of quantity_dirichlet with beta {} left some of {} nodes with fewer than {} rows: "
      "lower min_rows or nodes, or raise beta",
      settings.max_tries, settings.beta, nodes, least));
}

struct QuantityLognormalSettings {
  double sigma = 0.3;
};

void describe(Settings& settings, QuantityLognormalSettings& values) {
  settings.real("sigma", values.sigma, "deviation of the logarithm of the sizes",
                {.range = above(0).up_to(50)});
}

// n draws of lognormal(0, sigma), divided by their sum; computed in logs.
std::vector<double> lognormal_proportions(std::size_t n, double sigma, RandomStream& stream) {
  std::vector<double> values(n);
  for (double& value : values) value = sigma * stream.normal();
  const double largest = *std::max_element(values.begin(), values.end());
  double sum = 0.0;
  for (double& value : values) {
    value = portable_exp(value - largest);
    sum += value;
  }
  for (double& value : values) value /= sum;
  return values;
}

Result<Partition> split_lognormal(const QuantityLognormalSettings& settings,
                                  std::shared_ptr<const Dataset> data, std::size_t nodes,
                                  std::uint64_t seed) {
  SHOAL_TRY_STATUS(check_nodes(*data, nodes));
  auto stream = partition_stream(seed, "quantity_lognormal");
  const auto proportions = lognormal_proportions(nodes, settings.sigma, stream);
  auto lists = cut_shuffled(data->rows, sizes_by_proportions(proportions, data->rows), stream);
  return Partition{std::move(data), std::move(lists)};
}

struct PowerLawSettings {
  std::int64_t labels = 2;
  std::int64_t base_rows = 5;
  double sigma = 2.0;
};

void describe(Settings& settings, PowerLawSettings& values) {
  settings.integer("labels", values.labels, "neighbouring classes that each node holds",
                   {.range = at_least(1).up_to(65536), .paper = "1812.06127"});
  settings.integer("base_rows", values.base_rows, "rows of each of them that every node gets",
                   {.range = at_least(1), .unit = "rows", .paper = "1812.06127"});
  settings.real("sigma", values.sigma, "deviation of the logarithm of the further rows",
                {.range = above(0).up_to(50), .paper = "1812.06127"});
}

Result<Partition> split_power_law(const PowerLawSettings& settings,
                                  std::shared_ptr<const Dataset> data, std::size_t nodes,
                                  std::uint64_t seed) {
  SHOAL_TRY_STATUS(check_nodes(*data, nodes));
  SHOAL_TRY_STATUS(check_classes(*data, "power_law"));
  const auto labels = static_cast<std::size_t>(settings.labels);
  const auto base = static_cast<std::size_t>(settings.base_rows);
  if (labels > data->classes)
    return invalid_argument(
        fmt::format("labels = {} but there are {} classes", labels, data->classes));
  const auto by_class = shuffled_rows_by_class(*data, seed);
  std::vector<Rows> lists(nodes);
  for (std::size_t c = 0; c < data->classes; ++c) {
    std::vector<std::size_t> holders;
    for (std::size_t u = 0; u < nodes; ++u)
      if ((c + data->classes - u % data->classes) % data->classes < labels) holders.push_back(u);
    if (holders.empty()) continue;
    const std::size_t total = by_class[c].size();
    if (base > total / holders.size())
      return invalid_argument(
          fmt::format("class {} has {} rows, but {} nodes need {} each: lower base_rows or nodes",
                      c, total, holders.size(), base));
    auto stream = partition_stream(seed, "power_law", static_cast<std::uint32_t>(c));
    const auto proportions = lognormal_proportions(holders.size(), settings.sigma, stream);
    const std::size_t rest = total - base * holders.size();
    std::size_t used = base * holders.size();
    for (std::size_t k = 0; k < holders.size(); ++k) {
      Rows& list = lists[holders[k]];
      for (std::size_t row = 0; row < base; ++row) list.push_back(by_class[c][k * base + row]);
      const auto more =
          static_cast<std::size_t>(std::floor(proportions[k] * static_cast<double>(rest)));
      if (more > total - used) continue;
      for (std::size_t row = 0; row < more; ++row) list.push_back(by_class[c][used++]);
    }
  }
  shuffle_nodes(lists, seed);
  return Partition{std::move(data), std::move(lists)};
}

}  // namespace

PartitionerEntry quantity_dirichlet_entry() {
  return partitioner_entry<QuantityDirichletSettings, &split_dirichlet_sizes>(
      "quantity_dirichlet", "Dirichlet sizes, labels IID", "2102.02079");
}
PartitionerEntry quantity_lognormal_entry() {
  return partitioner_entry<QuantityLognormalSettings, &split_lognormal>(
      "quantity_lognormal", "lognormal sizes, labels IID", "");
}
PartitionerEntry power_law_entry() {
  return partitioner_entry<PowerLawSettings, &split_power_law>(
      "power_law", "two neighbouring classes a node, sizes after a power law", "1812.06127");
}

}  // namespace shoal
