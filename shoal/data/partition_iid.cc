// iid: all rows in a random order, cut in n parts whose sizes differ by at most 1 (the first
// N mod n get one more).
//
// resample: every node draws k rows with replacement. The only partition that hands a row to
// several nodes, and the only one that allows more nodes than rows.
#include "shoal/data/partition_entries.h"

namespace shoal {
namespace {

constexpr std::int64_t kMaxRowsOfNode = 1 << 26;

Result<Partition> split_iid(const NoSettings&, std::shared_ptr<const Dataset> data,
                            std::size_t nodes, std::uint64_t seed) {
  SHOAL_TRY_STATUS(check_nodes(*data, nodes));
  auto rows = iid_rows(*data, nodes, seed);
  return Partition{std::move(data), std::move(rows)};
}

struct ResampleSettings {
  std::int64_t rows_per_node = 100;
};

void describe(Settings& settings, ResampleSettings& values) {
  settings.integer("rows_per_node", values.rows_per_node,
                   "rows that each node draws, with replacement",
                   {.range = at_least(1).up_to(kMaxRowsOfNode), .unit = "rows"});
}

Result<Partition> split_resample(const ResampleSettings& settings,
                                 std::shared_ptr<const Dataset> data, std::size_t nodes,
                                 std::uint64_t seed) {
  if (nodes < 1 || data->rows < 1)
    return invalid_argument("a partition needs at least 1 node and 1 row");
  std::vector<Rows> lists(nodes);
  for (std::size_t i = 0; i < nodes; ++i) {
    auto stream = partition_stream(seed, "resample", static_cast<std::uint32_t>(i));
    for (std::int64_t k = 0; k < settings.rows_per_node; ++k)
      lists[i].push_back(static_cast<std::uint32_t>(stream.below(data->rows)));
  }
  return Partition{std::move(data), std::move(lists)};
}

}  // namespace

PartitionerEntry iid_partition_entry() {
  return partitioner_entry<NoSettings, &split_iid>("iid", "a random order cut in equal parts",
                                                   "1602.05629");
}
PartitionerEntry resample_partition_entry() {
  return partitioner_entry<ResampleSettings, &split_resample>(
      "resample", "each node draws rows with replacement; rows may be shared between nodes", "");
}

}  // namespace shoal
