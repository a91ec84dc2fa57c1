// `shoal partition`: how a data set falls apart into the data of its nodes.
#include <fmt/format.h>

#include "shoal/base/file.h"
#include "shoal/base/toml.h"
#include "shoal/data/partition_statistics.h"
#include "shoal/data/source.h"

#include "cli/command.h"

namespace shoal {
namespace {

struct PartitionOptions {
  std::string data = "fashion_mnist";
  std::string partition = "dirichlet_clients";
  std::vector<std::string> set;
  std::size_t nodes = 10;
  std::uint64_t seed = 1;
  bool show = false;
  std::string csv;
};

Result<Partition> split(const PartitionOptions& options) {
  Table table;
  SHOAL_TRY_STATUS(set_path(table, "data.kind", options.data));
  SHOAL_TRY_STATUS(set_path(table, "partition.kind", options.partition));
  for (const std::string& text : options.set) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos)
      return invalid_argument("--set " + text + ": write it as partition.alpha=0.3");
    SHOAL_TRY(Value value, parse_toml_value(text.substr(equals + 1)));
    SHOAL_TRY_STATUS(set_path(table, text.substr(0, equals), std::move(value)));
  }
  const Table& data = *table.find("data")->as<Table>();
  const Table& partition = *table.find("partition")->as<Table>();
  SHOAL_TRY(const auto source, data_sources().make(data, "[data]"));
  SHOAL_TRY(const TaskData task, source->load(options.seed));
  SHOAL_TRY(const auto partitioner, partitioners().make(partition, "[partition]"));
  return partitioner->split(task.train, options.nodes, options.seed);
}

int partition(const PartitionOptions& options) {
  const auto made = split(options);
  if (!made.ok()) return complain(made.error());
  const PartitionStatistics statistics = partition_statistics(*made);
  fmt::print("{}", statistics_table(statistics));
  if (options.show) fmt::print("\n{}", label_heat_map(statistics));
  if (!options.csv.empty()) {
    if (auto status = write_file_atomically(options.csv, statistics_csv(statistics)); !status.ok())
      return complain(status.error());
    fmt::print("\nwritten: {}\n", options.csv);
  }
  return 0;
}

}  // namespace

void add_partition_command(CLI::App& app, Action& action) {
  auto options = std::make_shared<PartitionOptions>();
  CLI::App* command = app.add_subcommand(
      "partition",
      "Split a data set among nodes and print how uneven the parts are.\n"
      "Try: shoal partition fashion_mnist dirichlet_clients --set partition.alpha=0.1 "
      "--show");
  command->add_option("data", options->data, "data set (`shoal list data`)");
  command->add_option("partition", options->partition, "generator (`shoal list partitions`)");
  command->add_option("--nodes", options->nodes, "number of nodes")->check(CLI::PositiveNumber);
  command->add_option("--seed", options->seed, "seed of the draw");
  command->add_option("--set", options->set, "a setting: --set partition.alpha=0.1")
      ->allow_extra_args(false);
  command->add_flag("--show", options->show, "also a picture: labels down, nodes across");
  command->add_option("--csv", options->csv, "also write the table of nodes to this file");
  command->callback([options, &action] { action = [options] { return partition(*options); }; });
}

}  // namespace shoal
