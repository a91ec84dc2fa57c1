// The two Dirichlet partitions, which differ under one alpha.
//
// dirichlet_clients (Yurochkin et al., arXiv 1905.12022; FedMA, NIID-Bench): each class is shared
// out by p ~ Dir_n(alpha) among the clients that hold fewer than N/n rows; sizes vary. Leaving full
// clients out and renormalising is the same as a Dirichlet draw over the others, and is drawn so:
// nothing underflows to 0/0. Classes are served in an order permuted by the seed, since the last
// ones go to the poorest clients. The whole is redrawn until every client has min_rows, max_tries
// times.
//
// dirichlet_labels (Hsu, Qi, Brown, arXiv 1909.06335): each client draws label proportions
// q_i ~ Dir_C(alpha), or alpha * C * prior, and takes equally many rows one by one: label ~ q_i,
// next unused row of that label. A label that runs out is closed for all, and the rest keep their
// proportions. No row is used twice.
#include <algorithm>

#include "shoal/data/partition_entries.h"

namespace shoal {
namespace {

struct DirichletClientsSettings {
  double alpha = 0.5;
  std::int64_t min_rows = 10;
  std::int64_t max_tries = 1000;
};

void describe(Settings& settings, DirichletClientsSettings& values) {
  settings.real("alpha", values.alpha, "concentration: small is skewed",
                {.range = above(0), .paper = "1905.12022"});
  settings.integer("min_rows", values.min_rows, "redraw until every node has as many",
                   {.range = at_least(0), .unit = "rows", .paper = "2102.02079"});
  settings.integer("max_tries", values.max_tries, "draws before giving up",
                   {.range = at_least(1).up_to(1e6)});
}

std::vector<Rows> try_clients(const std::vector<Rows>& by_class, std::size_t total,
                              std::size_t nodes, double alpha, RandomStream& stream) {
  std::vector<Rows> lists(nodes);
  for (const std::uint32_t c : stream.permutation(by_class.size())) {
    std::vector<std::size_t> open;
    for (std::size_t i = 0; i < nodes; ++i)
      if (lists[i].size() * nodes < total) open.push_back(i);
    const std::vector<double> alphas(open.size(), alpha);
    const auto parts =
        cut(by_class[c], sizes_by_proportions(stream.dirichlet(alphas), by_class[c].size()));
    for (std::size_t k = 0; k < open.size(); ++k)
      lists[open[k]].insert(lists[open[k]].end(), parts[k].begin(), parts[k].end());
  }
  return lists;
}

Result<Partition> split_clients(const DirichletClientsSettings& settings,
                                std::shared_ptr<const Dataset> data, std::size_t nodes,
                                std::uint64_t seed) {
  SHOAL_TRY_STATUS(check_nodes(*data, nodes));
  SHOAL_TRY_STATUS(check_classes(*data, "dirichlet_clients"));
  const auto least = static_cast<std::size_t>(settings.min_rows);
  if (least > data->rows / nodes)
    return invalid_argument(
        fmt::format("min_rows {} for {} nodes is more than the {} rows", least, nodes, data->rows));
  auto by_class = shuffled_rows_by_class(*data, seed);
  std::erase_if(by_class, [](const Rows& rows) { return rows.empty(); });
  for (std::int64_t attempt = 0; attempt < settings.max_tries; ++attempt) {
    auto stream = partition_stream(seed, "dirichlet_clients", static_cast<std::uint32_t>(attempt));
    auto lists = try_clients(by_class, data->rows, nodes, settings.alpha, stream);
    const bool enough = std::all_of(lists.begin(), lists.end(),
                                    [&](const Rows& rows) { return rows.size() >= least; });
    if (!enough) continue;
    shuffle_nodes(lists, seed);
    return Partition{std::move(data), std::move(lists)};
  }
  return limit_exceeded(fmt::format(
      "{} draws of dirichlet_clients with alpha {} left some of {} nodes with fewer than {} rows: "
      "lower min_rows or nodes, or raise alpha",
      settings.max_tries, settings.alpha, nodes, least));
}

enum class Prior { kUniform, kData };

struct DirichletLabelsSettings {
  double alpha = 0.5;
  Prior prior = Prior::kUniform;
  Cover cover = Cover::kEveryRow;
};

void describe(Settings& settings, DirichletLabelsSettings& values) {
  settings.real("alpha", values.alpha, "concentration: small is skewed",
                {.range = above(0), .paper = "1909.06335"});
  settings.choice("prior", values.prior,
                  "mean of the label proportions: all equal, or those of the data",
                  {{"uniform", Prior::kUniform}, {"data", Prior::kData}});
  describe_cover(settings, values.cover);
}

Result<Partition> split_label_draws(const DirichletLabelsSettings& settings,
                                    std::shared_ptr<const Dataset> data, std::size_t nodes,
                                    std::uint64_t seed) {
  SHOAL_TRY_STATUS(check_nodes(*data, nodes));
  SHOAL_TRY_STATUS(check_classes(*data, "dirichlet_labels"));
  auto left = shuffled_rows_by_class(*data, seed);
  std::erase_if(left, [](const Rows& rows) { return rows.empty(); });
  std::vector<double> alphas(left.size(), settings.alpha);
  if (settings.prior == Prior::kData)
    for (std::size_t c = 0; c < left.size(); ++c)
      alphas[c] *=
          static_cast<double>(left[c].size() * left.size()) / static_cast<double>(data->rows);
  const auto sizes = cover_sizes(data->rows, nodes, settings.cover);
  std::vector<Rows> lists(nodes);
  for (std::size_t i = 0; i < nodes; ++i) {
    auto stream = partition_stream(seed, "dirichlet_labels", static_cast<std::uint32_t>(i));
    OpenDraw labels = OpenDraw::dirichlet(alphas, stream);
    for (std::size_t c = 0; c < left.size(); ++c)
      if (left[c].empty()) labels.close(c);
    while (lists[i].size() < sizes[i]) {
      const std::size_t c = labels.draw(stream);
      lists[i].push_back(left[c].back());
      left[c].pop_back();
      if (left[c].empty()) labels.close(c);
    }
  }
  shuffle_nodes(lists, seed);
  return Partition{std::move(data), std::move(lists)};
}

}  // namespace

PartitionerEntry dirichlet_clients_entry() {
  return partitioner_entry<DirichletClientsSettings, &split_clients>(
      "dirichlet_clients", "each class shared out by Dirichlet proportions; sizes vary",
      "1905.12022");
}
PartitionerEntry dirichlet_labels_entry() {
  return partitioner_entry<DirichletLabelsSettings, &split_label_draws>(
      "dirichlet_labels", "each node draws its label proportions; equal sizes", "1909.06335");
}

}  // namespace shoal
