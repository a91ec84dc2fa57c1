// `shoal sweep`: one experiment over a grid of settings and seeds.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <thread>

#include "shoal/base/file.h"
#include "shoal/run/run.h"

#include "cli/command.h"
#include "cli/progress.h"

namespace shoal {
namespace {

struct SweepOptions {
  std::string file;
  std::vector<std::string> set;
  std::vector<std::string> grid;
  std::vector<std::int64_t> seeds = {1};
  std::size_t threads = 0;
  std::string figure = "test_accuracy";
  std::string csv;
};

// "method.learning_rate=0.1,0.3,1" as one --set text a value.
Result<std::vector<std::string>> axis(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos)
    return invalid_argument("--grid " + text + ": write it as method.learning_rate=0.1,0.3,1");
  std::vector<std::string> values;
  std::size_t begin = equals + 1;
  for (;;) {
    const std::size_t comma = text.find(',', begin);
    values.push_back(text.substr(0, equals + 1) + text.substr(begin, comma - begin));
    if (comma == std::string::npos) return values;
    begin = comma + 1;
  }
}

// Every combination of one value from each axis, the last axis fastest.
std::vector<std::vector<std::string>> combinations(
    const std::vector<std::vector<std::string>>& axes) {
  std::vector<std::vector<std::string>> all = {{}};
  for (const auto& values : axes) {
    std::vector<std::vector<std::string>> longer;
    for (const auto& begun : all)
      for (const std::string& value : values) {
        longer.push_back(begun);
        longer.back().push_back(value);
      }
    all = std::move(longer);
  }
  return all;
}

Result<double> run_point(const SweepOptions& options, const std::vector<std::string>& point,
                         std::int64_t seed, ThreadPool& pool) {
  std::vector<std::string> set = options.set;
  set.insert(set.end(), point.begin(), point.end());
  set.push_back(fmt::format("seed={}", seed));
  SHOAL_TRY(const auto experiments, read_experiment_file(options.file, set));
  if (experiments.size() != 1)
    return invalid_argument(options.file + " has several [[run]] tables; a sweep takes one run");
  SHOAL_TRY(auto run, Run::create(experiments.front(), pool));
  Progress progress(fmt::format("{} seed {}", fmt::join(point, " "), seed),
                    run->assembly().method->length(), false);
  run->on_line([&](const LedgerLine& line) { progress.update(line); });
  SHOAL_TRY_STATUS(run->go());
  progress.finish();
  const auto value = final_figure(run->result().lines, options.figure);
  if (!value) return not_found("the run has no figure '" + options.figure + "'");
  return *value;
}

int sweep(const SweepOptions& options) {
  std::vector<std::vector<std::string>> axes;
  for (const std::string& text : options.grid) {
    auto values = axis(text);
    if (!values.ok()) return complain(values.error());
    axes.push_back(std::move(values).value());
  }
  const std::size_t threads =
      options.threads > 0 ? options.threads : std::max(1u, std::thread::hardware_concurrency());
  ThreadPool pool(threads);
  std::string csv = "settings,mean,lowest,highest\n";
  std::string table =
      fmt::format("{:<60} {:>10} {:>10} {:>10}\n", options.figure, "mean", "lowest", "highest");
  for (const auto& point : combinations(axes)) {
    std::vector<double> values;
    for (const std::int64_t seed : options.seeds) {
      const auto value = run_point(options, point, seed, pool);
      if (!value.ok()) return complain(value.error());
      values.push_back(*value);
    }
    double sum = 0.0;
    for (const double value : values) sum += value;
    const double mean = sum / static_cast<double>(values.size());
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    table += fmt::format("{:<60} {:>10.4f} {:>10.4f} {:>10.4f}\n",
                         fmt::format("{}", fmt::join(point, " ")), mean, *low, *high);
    csv += fmt::format("\"{}\",{},{},{}\n", fmt::join(point, " "), mean, *low, *high);
  }
  fmt::print("\n{}", table);
  if (options.csv.empty()) return 0;
  const Status status = write_file_atomically(options.csv, csv);
  return status.ok() ? 0 : complain(status.error());
}

}  // namespace

void add_sweep_command(CLI::App& app, Action& action) {
  auto options = std::make_shared<SweepOptions>();
  CLI::App* command = app.add_subcommand(
      "sweep",
      "Run an experiment over a grid.\n"
      "Try: shoal sweep exp.toml --grid method.learning_rate=0.03,0.1,0.3 --seeds 1 2 3\n"
      "Test data must not tune: sweep on train_loss, or on a validation split.");
  command->add_option("file", options->file, "the experiment (TOML), one run")->required();
  command->add_option("--grid", options->grid, "an axis: path=value,value,...")
      ->allow_extra_args(false);
  command->add_option("--set", options->set, "change a setting")->allow_extra_args(false);
  command->add_option("--seeds", options->seeds, "seeds of every point");
  command->add_option("--figure", options->figure, "which figure of the ledger");
  command->add_option("--threads", options->threads, "threads; results do not depend on them");
  command->add_option("--csv", options->csv, "also write the table to this file");
  command->callback([options, &action] { action = [options] { return sweep(*options); }; });
}

}  // namespace shoal
