// `shoal check`: whether an experiment fits together, without running it.
#include <fmt/format.h>

#include "shoal/base/toml.h"
#include "shoal/run/run.h"

#include "cli/command.h"

namespace shoal {
namespace {

struct CheckOptions {
  std::string file;
  std::vector<std::string> set;
  bool show = false;
};

int check(const CheckOptions& options) {
  const auto experiments = read_experiment_file(options.file, options.set);
  if (!experiments.ok()) return complain(experiments.error());
  for (const Experiment& experiment : *experiments) {
    auto assembly = assemble(experiment, 1);
    if (!assembly.ok())
      return complain(within("run '" + experiment.general.name + "'", assembly.error()));
    const Assembly& a = **assembly;
    fmt::print("{}: fits together: {} on {} nodes, {} parameters, {} training rows, {} rounds\n",
               experiment.general.name, experiment.method_kind(),
               a.partition.nodes.size() + a.method->servers(), a.layout().size(),
               a.partition.data->rows, a.method->length());
    if (options.show) fmt::print("{}\n", write_toml(experiment.table()));
  }
  return 0;
}

}  // namespace

void add_check_command(CLI::App& app, Action& action) {
  auto options = std::make_shared<CheckOptions>();
  CLI::App* command = app.add_subcommand("check", "Check an experiment file without running it.");
  command->add_option("file", options->file, "the experiment (TOML)")->required();
  command->add_option("--set", options->set, "change a setting")->allow_extra_args(false);
  command->add_flag("--show", options->show, "print every setting with its value");
  command->callback([options, &action] { action = [options] { return check(*options); }; });
}

}  // namespace shoal
