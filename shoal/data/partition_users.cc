// users (LEAF, arXiv 1812.01097): node i holds all rows of one natural user, in increasing order of
// user ids. Users with fewer than min_rows rows are dropped. There must be as many nodes as users,
// unless choose = "sample", which draws that many of them by the seed.
#include <map>

#include "shoal/data/partition_entries.h"

namespace shoal {
namespace {

enum class Choose { kAll, kSample };

struct UsersSettings {
  std::int64_t min_rows = 1;
  Choose choose = Choose::kAll;
};

void describe(Settings& settings, UsersSettings& values) {
  settings.integer("min_rows", values.min_rows, "users with fewer rows are dropped",
                   {.range = at_least(1), .unit = "rows", .paper = "1812.01097"});
  settings.choice("choose", values.choose,
                  "all: one node a user; sample: as many random users as there are nodes",
                  {{"all", Choose::kAll}, {"sample", Choose::kSample}});
}

Result<Partition> split_users(const UsersSettings& settings, std::shared_ptr<const Dataset> data,
                              std::size_t nodes, std::uint64_t seed) {
  SHOAL_TRY_STATUS(check_nodes(*data, nodes));
  if (data->users.empty())
    return invalid_argument(
        fmt::format("{} has no natural users: use another partition", data->name));
  std::map<std::uint32_t, Rows> by_user;
  for (std::size_t row = 0; row < data->rows; ++row)
    by_user[data->users[row]].push_back(static_cast<std::uint32_t>(row));
  std::erase_if(by_user, [&](const auto& user) {
    return user.second.size() < static_cast<std::size_t>(settings.min_rows);
  });
  std::vector<Rows> all;
  for (auto& [user, rows] : by_user) all.push_back(std::move(rows));
  if (nodes > all.size() || (settings.choose == Choose::kAll && nodes != all.size()))
    return invalid_argument(
        fmt::format("{} nodes, but {} users with at least {} rows: set nodes = "
                    "{}, or choose = \"sample\" with fewer nodes",
                    nodes, all.size(), settings.min_rows, all.size()));
  std::vector<Rows> lists;
  auto stream = partition_stream(seed, "choice of users");
  for (const std::uint32_t index : stream.sample(all.size(), nodes))
    lists.push_back(std::move(all[index]));
  shuffle_nodes(lists, seed);
  return Partition{std::move(data), std::move(lists)};
}

}  // namespace

PartitionerEntry users_partition_entry() {
  return partitioner_entry<UsersSettings, &split_users>("users", "one natural user a node",
                                                        "1812.01097");
}

}  // namespace shoal
