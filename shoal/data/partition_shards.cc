#include "shoal/data/partition_shards.h"

#include "shoal/base/check.h"
#include "shoal/data/partition_entries.h"

namespace shoal {
namespace {

struct ShardsSettings {
  std::int64_t shards = 2;
};

void describe(Settings& settings, ShardsSettings& values) {
  settings.integer("shards", values.shards, "label-sorted shards that each node is dealt",
                   {.range = at_least(1).up_to(1e6), .paper = "1602.05629"});
}

Result<Partition> split_shards(const ShardsSettings& settings, std::shared_ptr<const Dataset> data,
                               std::size_t nodes, std::uint64_t seed) {
  SHOAL_TRY_STATUS(check_nodes(*data, nodes));
  SHOAL_TRY_STATUS(check_classes(*data, "shards"));
  const auto each = static_cast<std::size_t>(settings.shards);
  if (each > data->rows / nodes)
    return invalid_argument(fmt::format("{} nodes with {} shards need {} rows, and there are {}",
                                        nodes, each, nodes * each, data->rows));
  Rows sorted;
  sorted.reserve(data->rows);
  for (const Rows& rows : shuffled_rows_by_class(*data, seed))
    sorted.insert(sorted.end(), rows.begin(), rows.end());
  auto stream = partition_stream(seed, "deal of shards");
  auto lists = deal_shards(sorted, nodes, stream.permutation(nodes * each));
  shuffle_nodes(lists, seed);
  return Partition{std::move(data), std::move(lists)};
}

}  // namespace

std::vector<Rows> deal_shards(const Rows& sorted, std::size_t nodes,
                              std::span<const std::uint32_t> deal) {
  SHOAL_CHECK(nodes > 0 && deal.size() % nodes == 0, "a deal that does not come out even");
  const std::size_t size = sorted.size() / deal.size();
  std::vector<std::size_t> sizes(deal.size(), size);
  sizes.back() += sorted.size() % deal.size();
  const std::vector<Rows> shards = cut(sorted, sizes);
  std::vector<Rows> lists(nodes);
  const std::size_t each = deal.size() / nodes;
  for (std::size_t k = 0; k < deal.size(); ++k)
    lists[k / each].insert(lists[k / each].end(), shards[deal[k]].begin(), shards[deal[k]].end());
  return lists;
}

PartitionerEntry shards_partition_entry() {
  return partitioner_entry<ShardsSettings, &split_shards>(
      "shards", "label-sorted shards, a few to each node", "1602.05629");
}

}  // namespace shoal
