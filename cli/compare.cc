// `shoal compare`: runs side by side, as a table and a report.
#include <fmt/format.h>

#include "shoal/base/file.h"
#include "shoal/run/report.h"

#include "cli/command.h"

namespace shoal {
namespace {

struct CompareOptions {
  std::vector<std::string> folders;
  std::string report;
  double target_accuracy = 0.0;
};

int compare(const CompareOptions& options) {
  std::vector<RunSummary> runs;
  for (const std::string& folder : options.folders) {
    auto run = read_run_folder(folder);
    if (!run.ok()) return complain(within(folder, run.error()));
    runs.push_back(std::move(run).value());
  }
  std::optional<double> target;
  if (options.target_accuracy > 0.0) target = options.target_accuracy;
  fmt::print("{}\n", summary_table(runs, target));
  if (options.report.empty()) return 0;
  const std::string html = report_html("comparison", runs, target);
  if (auto status = write_file_atomically(options.report, html); !status.ok())
    return complain(status.error());
  fmt::print("report: {}\n", options.report);
  return 0;
}

}  // namespace

void add_compare_command(CLI::App& app, Action& action) {
  auto options = std::make_shared<CompareOptions>();
  CLI::App* command =
      app.add_subcommand("compare", "Put the folders of several runs side by side.");
  command->add_option("folders", options->folders, "folders that `shoal run` left")->required();
  command->add_option("--report", options->report, "also write an HTML report to this file");
  command
      ->add_option("--target-accuracy", options->target_accuracy,
                   "also say when each run first measured this accuracy, and for how many bytes")
      ->check(CLI::Range(0.0, 1.0));
  command->callback([options, &action] { action = [options] { return compare(*options); }; });
}

}  // namespace shoal
