// temporal: IID rows, but each node's list is a stream for online studies whose class changes only
// every `block` rows: again and again a class is drawn in proportion to the rows it has left, and
// its next `block` rows (or all that are left) follow. Read it with the data order "in_order".
#include <algorithm>

#include "shoal/data/partition_entries.h"

namespace shoal {
namespace {

struct TemporalSettings {
  std::int64_t block = 50;
};

void describe(Settings& settings, TemporalSettings& values) {
  settings.integer("block", values.block, "rows of one class before the class may change",
                   {.range = at_least(1), .unit = "rows"});
}

Rows in_blocks(const Dataset& data, const Rows& rows, std::size_t block, RandomStream& stream) {
  std::vector<Rows> left(data.classes);
  for (const std::uint32_t row : rows)
    left[static_cast<std::size_t>(data.labels[row])].push_back(row);
  Rows ordered;
  while (ordered.size() < rows.size()) {
    std::uint64_t at = stream.below(rows.size() - ordered.size());
    std::size_t c = 0;
    while (at >= left[c].size()) at -= left[c++].size();
    const std::size_t count = std::min(block, left[c].size());
    ordered.insert(ordered.end(), left[c].end() - static_cast<std::ptrdiff_t>(count),
                   left[c].end());
    left[c].resize(left[c].size() - count);
  }
  return ordered;
}

Result<Partition> split_temporal(const TemporalSettings& settings,
                                 std::shared_ptr<const Dataset> data, std::size_t nodes,
                                 std::uint64_t seed) {
  SHOAL_TRY_STATUS(check_nodes(*data, nodes));
  SHOAL_TRY_STATUS(check_classes(*data, "temporal"));
  auto lists = iid_rows(*data, nodes, seed);
  for (std::size_t i = 0; i < nodes; ++i) {
    auto stream = partition_stream(seed, "temporal", static_cast<std::uint32_t>(i));
    lists[i] = in_blocks(*data, lists[i], static_cast<std::size_t>(settings.block), stream);
  }
  return Partition{std::move(data), std::move(lists)};
}

}  // namespace

PartitionerEntry temporal_entry() {
  return partitioner_entry<TemporalSettings, &split_temporal>(
      "temporal", "IID streams whose class changes in blocks", "");
}

}  // namespace shoal
