// concept_skew: the same features, other labels. IID rows; each node, with probability pi, renames
// its labels by a random permutation other than the identity. The changed set is a copy with the
// same ids.
#include "shoal/data/partition_entries.h"

namespace shoal {
namespace {

struct ConceptSettings {
  double probability = 0.5;
};

void describe(Settings& settings, ConceptSettings& values) {
  settings.real("probability", values.probability, "probability that a node renames its labels",
                {.range = at_least(0).up_to(1)});
}

bool is_identity(const std::vector<std::uint32_t>& names) {
  for (std::size_t c = 0; c < names.size(); ++c)
    if (names[c] != c) return false;
  return true;
}

Result<Partition> split_concept(const ConceptSettings& settings,
                                std::shared_ptr<const Dataset> data, std::size_t nodes,
                                std::uint64_t seed) {
  SHOAL_TRY_STATUS(check_nodes(*data, nodes));
  SHOAL_TRY_STATUS(check_classes(*data, "concept_skew"));
  if (data->classes < 2) return invalid_argument("concept_skew needs at least 2 classes");
  auto lists = iid_rows(*data, nodes, seed);
  auto renamed = std::make_shared<Dataset>(*data);
  for (std::size_t i = 0; i < nodes; ++i) {
    auto stream = partition_stream(seed, "concept_skew", static_cast<std::uint32_t>(i));
    if (stream.uniform() >= settings.probability) continue;
    auto names = stream.permutation(data->classes);
    while (is_identity(names)) names = stream.permutation(data->classes);
    for (const std::uint32_t row : lists[i])
      renamed->labels[row] =
          static_cast<std::int32_t>(names[static_cast<std::size_t>(data->labels[row])]);
  }
  return Partition{std::move(renamed), std::move(lists)};
}

}  // namespace

PartitionerEntry concept_skew_entry() {
  return partitioner_entry<ConceptSettings, &split_concept>(
      "concept_skew", "IID, with labels renamed on some nodes", "2102.02079");
}

}  // namespace shoal
