// `shoal run`: the runs of an experiment file, one after another, each into its folder.
#include "shoal/run/run.h"

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fmt/format.h>
#include <thread>

#include "shoal/base/file.h"
#include "shoal/run/chrome_trace.h"
#include "shoal/run/folder_writer.h"
#include "shoal/run/report.h"

#include "cli/command.h"
#include "cli/progress.h"
#include "cli/run_mpi.h"

namespace shoal {
namespace {

struct RunOptions {
  std::string file;
  std::vector<std::string> set;
  std::int64_t seed = -1;
  std::size_t threads = 0;
  std::string out;
  bool resume = false;
  bool quiet = false;
  std::int64_t stop_after = -1;
};

std::atomic<bool> stop_requested{false};

// The first Ctrl-C asks for a checkpoint; a second one ends the program at once.
void on_interrupt(int) {
  stop_requested.store(true);
  std::signal(SIGINT, SIG_DFL);
}

Result<RunSummary> run_one(const Experiment& experiment, const std::string& folder,
                           const RunOptions& options, ThreadPool& pool, bool& interrupted) {
  SHOAL_TRY(auto run, Run::create(experiment, pool));
  if (run->assembly().warning && !options.quiet)
    fmt::print(stderr, "{}: warning: {}\n", experiment.general.name, *run->assembly().warning);
  FolderWriter writer;
  const bool has_folder = std::filesystem::exists(folder + "/experiment.toml");
  const bool continues =
      options.resume && std::filesystem::exists(folder + "/checkpoint/newest.txt");
  if (options.resume && !continues && has_folder &&
      std::filesystem::exists(folder + "/model.safetensors")) {
    if (!options.quiet) fmt::print(stderr, "{}: finished already\n", experiment.general.name);
    return read_run_folder(folder);
  }
  if (!options.resume && !options.quiet &&
      std::filesystem::exists(folder + "/checkpoint/newest.txt"))
    fmt::print(stderr,
               "{}: starting anew; its checkpoint is discarded (--resume goes on from it)\n",
               experiment.general.name);
  if (continues) {
    SHOAL_TRY(const Bytes checkpoint, writer.resume(folder, experiment));
    SHOAL_TRY_STATUS(run->resume(checkpoint));
  } else {
    SHOAL_TRY_STATUS(writer.begin(folder, experiment));
  }
  Progress progress(experiment.general.name, run->assembly().method->length(), options.quiet);
  Status written;
  run->on_line([&](const LedgerLine& line) {
    if (written.ok()) written = writer.add_line(line);
    if (!written.ok()) stop_requested.store(true);
    progress.update(line);
  });
  run->on_checkpoint(
      [&](ByteView checkpoint, std::size_t) { return writer.save_checkpoint(checkpoint); });
  run->set_stop_flag(&stop_requested);
  if (options.stop_after >= 0) run->stop_after(static_cast<Step>(options.stop_after));
  ChromeTrace trace(run->assembly().method->servers());
  if (experiment.report.trace) run->simulation().set_trace(&trace);
  const Status status = run->go();
  progress.finish();
  SHOAL_TRY_STATUS(written);
  SHOAL_TRY_STATUS(status);
  interrupted = run->result().interrupted;
  SHOAL_TRY_STATUS(
      writer.finish(run->assembly(), run->result(), progress.wall_s(), pool.threads()));
  if (experiment.report.trace)
    SHOAL_TRY_STATUS(write_file_atomically(folder + "/trace.json", trace.json()));
  return writer.summarise(run->assembly(), run->result());
}

// Every run of the file in turn, here or over the ranks of an MPI job; the summaries of those that
// ran, or none in ranks that keep no ledger.
int run_all(const std::vector<Experiment>& experiments, const std::string& base,
            const RunOptions& options, MpiTransport* mpi, ThreadPool& pool,
            std::vector<RunSummary>& summaries) {
  for (const Experiment& experiment : experiments) {
    bool interrupted = false;
    const std::string folder = base + "/" + experiment.general.name;
    if (mpi) {
      auto summary = run_over_mpi(experiment, folder, options.quiet, *mpi, pool);
      if (!summary.ok()) return complain(summary.error());
      if (*summary) summaries.push_back(std::move(**summary));
      continue;
    }
    auto summary = run_one(experiment, folder, options, pool, interrupted);
    if (!summary.ok()) return complain(summary.error());
    if (interrupted) {
      fmt::print(stderr, "stopped after round {}; go on with: shoal run {} --resume{}\n",
                 summary->lines.empty() ? 0 : summary->lines.back().round + 1, options.file,
                 options.out.empty() ? "" : " --out " + options.out);
      return kExitInterrupted;
    }
    summaries.push_back(std::move(summary).value());
  }
  return 0;
}

int run_file(const RunOptions& options) {
  std::vector<std::string> set = options.set;
  if (options.seed >= 0) set.push_back(fmt::format("seed={}", options.seed));
  const std::string stem = std::filesystem::path(options.file).stem().string();
  auto experiments = read_experiment_file(options.file, set);
  if (!experiments.ok()) return complain(experiments.error());
  const bool several = experiments->size() > 1;
  std::string base = options.out;
  if (base.empty()) base = several ? "runs/" + stem : "runs";
  const std::size_t threads =
      options.threads > 0 ? options.threads : std::max(1u, std::thread::hardware_concurrency());
  ThreadPool pool(threads);
  std::signal(SIGINT, on_interrupt);
  // What cannot work is refused before anything has run.
  for (const Experiment& experiment : *experiments)
    if (auto made = assemble(experiment, 1); !made.ok())
      return complain(several ? within("run '" + experiment.general.name + "'", made.error())
                              : made.error());
  std::unique_ptr<MpiTransport> mpi;
  if (started_under_mpi()) {
    if (options.resume)
      return complain(unsupported("runs over MPI are not resumed; leave --resume out"));
    auto joined = MpiTransport::join();
    if (!joined.ok()) return complain(joined.error());
    mpi = std::move(joined).value();
  }
  std::vector<RunSummary> summaries;
  if (const int code = run_all(*experiments, base, options, mpi.get(), pool, summaries); code != 0)
    return code;
  if (summaries.empty()) return 0;
  fmt::print("\n{}\n", summary_table(summaries));
  std::string report = base + "/" + summaries.front().name + "/report.html";
  if (several) {
    report = base + "/report.html";
    if (auto status = write_file_atomically(report, report_html(stem, summaries)); !status.ok())
      return complain(status.error());
  }
  fmt::print("report: {}\n", report);
  return 0;
}

}  // namespace

void add_run_command(CLI::App& app, Action& action) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* command = app.add_subcommand(
      "run",
      "Run an experiment file.\n"
      "Every run leaves a folder with its resolved experiment, ledger, model and report.\n"
      "Ctrl-C saves a checkpoint; --resume goes on from it, with the same bytes as if it\n"
      "had never stopped.\n"
      "Under mpirun or srun the ranks share the nodes: mpirun -n 9 shoal run exp.toml");
  command->add_option("file", options->file, "the experiment (TOML)")->required();
  command->add_option("--set", options->set, "change a setting: --set codec.ratio=0.1")
      ->allow_extra_args(false);
  command->add_option("--seed", options->seed, "another seed");
  command->add_option("--threads", options->threads, "threads; results do not depend on them");
  command->add_option("--out", options->out, "folder for the runs' folders (default: runs)");
  command->add_flag("--resume", options->resume, "go on where the runs in the folder stopped");
  command->add_flag("--quiet", options->quiet, "no progress");
  command->add_option("--stop-after", options->stop_after,
                      "stop after this round (from 0), as Ctrl-C would");
  command->callback([options, &action] { action = [options] { return run_file(*options); }; });
}

}  // namespace shoal
