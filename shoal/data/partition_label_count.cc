// labels_per_client, written #k (NIID-Bench, arXiv 2102.02079): client i holds class i mod C and
// k-1 distinct random others; the rows of a class are cut in equal parts among its owners.
//
// NIID-Bench's own code leaves classes without an owner when n < C and then divides by zero. Here
// classes that are nobody's first are dealt before the random ones, to random clients with a free
// place, so that every class has an owner whenever n * k >= C; with n >= C this changes nothing.
#include <algorithm>

#include "shoal/data/partition_entries.h"

namespace shoal {
namespace {

enum class Classes { kAll, kOwned };

struct LabelCountSettings {
  std::int64_t labels = 2;
  Classes cover = Classes::kAll;
};

void describe(Settings& settings, LabelCountSettings& values) {
  settings.integer("labels", values.labels, "classes that each node holds",
                   {.range = at_least(1).up_to(65536), .paper = "2102.02079: #k"});
  settings.choice("cover", values.cover,
                  "all: every class has an owner; owned: rows of classes without one are left out",
                  {{"all", Classes::kAll}, {"owned", Classes::kOwned}});
}

bool holds(const std::vector<std::size_t>& classes, std::size_t wanted) {
  return std::find(classes.begin(), classes.end(), wanted) != classes.end();
}

// Deals the classes n..C-1, which are nobody's first, to random clients with a free place.
void deal_ownerless(std::vector<std::vector<std::size_t>>& held, std::size_t classes,
                    std::size_t labels, RandomStream& stream) {
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < held.size(); ++i) places.insert(places.end(), labels - 1, i);
  stream.shuffle(std::span(places));
  for (std::size_t c = held.size(); c < classes; ++c) {
    held[places.back()].push_back(c);
    places.pop_back();
  }
}

std::vector<std::vector<std::size_t>> choose_classes(std::size_t nodes, std::size_t classes,
                                                     const LabelCountSettings& settings,
                                                     std::uint64_t seed) {
  const auto labels = static_cast<std::size_t>(settings.labels);
  std::vector<std::vector<std::size_t>> held(nodes);
  for (std::size_t i = 0; i < nodes; ++i) held[i].push_back(i % classes);
  auto stream = partition_stream(seed, "classes without an owner");
  if (settings.cover == Classes::kAll) deal_ownerless(held, classes, labels, stream);
  for (std::size_t i = 0; i < nodes; ++i) {
    auto own = partition_stream(seed, "classes of a node", static_cast<std::uint32_t>(i));
    while (held[i].size() < labels) {
      const auto other = static_cast<std::size_t>(own.below(classes));
      if (!holds(held[i], other)) held[i].push_back(other);
    }
  }
  return held;
}

Result<Partition> split_labels(const LabelCountSettings& settings,
                               std::shared_ptr<const Dataset> data, std::size_t nodes,
                               std::uint64_t seed) {
  SHOAL_TRY_STATUS(check_nodes(*data, nodes));
  SHOAL_TRY_STATUS(check_classes(*data, "labels_per_client"));
  const auto labels = static_cast<std::size_t>(settings.labels);
  if (labels > data->classes)
    return invalid_argument(
        fmt::format("labels = {} but there are {} classes", labels, data->classes));
  if (settings.cover == Classes::kAll && nodes * labels < data->classes)
    return invalid_argument(fmt::format(
        "{} nodes with {} labels each cannot hold {} classes: raise labels, or set cover = "
        "\"owned\"",
        nodes, labels, data->classes));
  const auto held = choose_classes(nodes, data->classes, settings, seed);
  const auto by_class = shuffled_rows_by_class(*data, seed);
  std::vector<Rows> lists(nodes);
  for (std::size_t c = 0; c < data->classes; ++c) {
    std::vector<std::size_t> owners;
    for (std::size_t i = 0; i < nodes; ++i)
      if (holds(held[i], c)) owners.push_back(i);
    if (owners.empty()) continue;
    if (!by_class[c].empty() && by_class[c].size() < owners.size())
      return invalid_argument(
          fmt::format("class {} has {} rows for {} owners: use fewer nodes or "
                      "labels",
                      c, by_class[c].size(), owners.size()));
    const auto parts = cut(by_class[c], equal_sizes(by_class[c].size(), owners.size()));
    for (std::size_t k = 0; k < owners.size(); ++k)
      lists[owners[k]].insert(lists[owners[k]].end(), parts[k].begin(), parts[k].end());
  }
  shuffle_nodes(lists, seed);
  return Partition{std::move(data), std::move(lists)};
}

}  // namespace

PartitionerEntry labels_per_client_entry() {
  return partitioner_entry<LabelCountSettings, &split_labels>(
      "labels_per_client", "a fixed number of classes a node", "2102.02079");
}

}  // namespace shoal
