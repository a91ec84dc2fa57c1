// fcube (NIID-Bench, arXiv 2102.02079): points in 3-D fall in 8 octants; each of 4 nodes holds a
// pair of opposite octants, so labels (the sign of x1) are balanced on every node while features
// differ. Octant o has bit j set where coordinate j is positive; node min(o, 7 - o).
#include <algorithm>

#include "shoal/data/partition_entries.h"

namespace shoal {
namespace {

constexpr std::size_t kOctantPairs = 4;

Result<Partition> split_fcube(const NoSettings&, std::shared_ptr<const Dataset> data,
                              std::size_t nodes, std::uint64_t seed) {
  if (nodes != kOctantPairs)
    return invalid_argument(
        fmt::format("fcube makes 4 nodes, a pair of octants each; {} were "
                    "asked for",
                    nodes));
  if (data->features != 3)
    return invalid_argument(
        fmt::format("fcube needs points of 3 coordinates, and rows of {} have "
                    "{}: use the source fcube",
                    data->name, data->features));
  std::vector<Rows> lists(nodes);
  for (std::size_t row = 0; row < data->rows; ++row) {
    std::size_t octant = 0;
    for (std::size_t j = 0; j < 3; ++j) octant |= std::size_t{data->row(row)[j] > 0.0f} << j;
    lists[std::min(octant, 7 - octant)].push_back(static_cast<std::uint32_t>(row));
  }
  shuffle_nodes(lists, seed);
  return Partition{std::move(data), std::move(lists)};
}

}  // namespace

PartitionerEntry fcube_partition_entry() {
  return partitioner_entry<NoSettings, &split_fcube>(
      "fcube", "pairs of opposite octants of a cube, 4 nodes", "2102.02079");
}

}  // namespace shoal
