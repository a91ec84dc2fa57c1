// `shoal server`: the server of a run over a network.
#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <thread>

#include "shoal/base/file.h"
#include "shoal/net/prometheus_endpoint.h"
#include "shoal/run/report.h"
#include "shoal/run/server_run.h"

#include "cli/command.h"
#include "cli/progress.h"
#include "cli/stop_signal.h"
#include "cli/tls_options.h"

namespace shoal {
namespace {

struct ServerOptions {
  std::string file;
  std::vector<std::string> set;
  std::string run;
  std::string kit;
  std::string out = "runs";
  std::string address_file;
  std::string metrics;
  std::size_t threads = 0;
  bool quiet = false;
  ServerRunSettings settings;
};

// The one experiment of the file, or the one that --run names.
Result<Experiment> experiment_of(const ServerOptions& options) {
  SHOAL_TRY(const auto experiments, read_experiment_file(options.file, options.set));
  if (options.run.empty() && experiments.size() == 1) return experiments.front();
  std::string names;
  for (const Experiment& experiment : experiments) {
    if (experiment.general.name == options.run) return experiment;
    names += (names.empty() ? "" : ", ") + experiment.general.name;
  }
  return invalid_argument(
      fmt::format("{} holds the runs {}; choose one with --run NAME", options.file, names));
}

int serve(ServerOptions options) {
  share_memory_between_threads();
  const auto experiment = experiment_of(options);
  if (!experiment.ok()) return complain(experiment.error());
  const auto kit = open_kit(options.kit, KitOf::kServer);
  if (!kit.ok()) return complain(kit.error());
  options.settings.tls = kit->tls;
  if (!kit->name.empty()) options.settings.name = kit->name;
  options.settings.folder = options.out + "/" + experiment->general.name;
  if (ServerRun::is_finished(options.settings.folder, *experiment)) {
    const auto before = read_run_folder(options.settings.folder);
    if (!before.ok()) return complain(before.error());
    fmt::print("{0} holds a run that is finished; use another --out to run it again\n{1}\n",
               options.settings.folder, summary_table({*before}));
    return 0;
  }
  ThreadPool pool(options.threads > 0 ? options.threads
                                      : std::max(1u, std::thread::hardware_concurrency()));
  auto run = ServerRun::open(*experiment, options.settings, pool);
  if (!run.ok()) return complain(run.error());
  ServerRun& server = **run;
  const StopSignal stop([&server] { server.request_stop(); });
  std::unique_ptr<PrometheusEndpoint> endpoint;
  if (!options.metrics.empty()) {
    auto opened = PrometheusEndpoint::start(options.metrics, server.metrics());
    if (!opened.ok()) return complain(opened.error());
    endpoint = std::move(opened).value();
  }
  if (!options.quiet) {
    fmt::print(stderr, "{}: listening on {}{}\n", server.id(), server.address(),
               kit->tls.given() ? ", mutual TLS"
                                : "; no certificates: this machine only, nobody is authenticated");
    if (endpoint)
      fmt::print(stderr, "metrics: http://{}:{}/metrics\n",
                 options.metrics.substr(0, options.metrics.rfind(':')), endpoint->port());
    if (server.first_round() > 0)
      fmt::print(stderr, "going on with round {}\n", server.first_round());
  }
  if (!options.address_file.empty())
    if (auto status = write_file_atomically(options.address_file, server.address()); !status.ok())
      return complain(status.error());
  Progress progress(experiment->general.name, server.assembly().method->length(), options.quiet,
                    "real");
  server.on_line([&progress](const LedgerLine& line) { progress.update(line); });
  server.on_waiting([&options](std::size_t present, std::size_t wanted) {
    if (!options.quiet) fmt::print(stderr, "{} of {} members are here\n", present, wanted);
  });
  const auto summary = server.go(pool.threads());
  progress.finish();
  if (!summary.ok()) return complain(summary.error());
  if (!*summary) {
    fmt::print(stderr, "stopped; the same command goes on from the last committed round\n");
    return kExitInterrupted;
  }
  fmt::print("\n{}\nreport: {}/report.html\n", summary_table({**summary}), options.settings.folder);
  return 0;
}

}  // namespace

void add_server_command(CLI::App& app, Action& action) {
  auto options = std::make_shared<ServerOptions>();
  CLI::App* command = app.add_subcommand(
      "server",
      "Serve a run to members on other machines (shoal join).\n"
      "The run's folder keeps its state: killed or stopped, the same command goes on from the\n"
      "last committed round, and no update counts twice.");
  command->add_option("file", options->file, "the experiment (TOML)")->required();
  command->add_option("--listen", options->settings.listen, "HOST:PORT; port 0 takes a free one")
      ->required();
  add_kit_option(*command, options->kit);
  command->add_option("--revoked", options->settings.revoked,
                      "revocation list (revoked.txt of `shoal ca`), read again when it changes");
  command->add_option("--run", options->run, "which [[run]] of the file");
  command->add_option("--set", options->set, "change a setting: --set method.rounds=50")
      ->allow_extra_args(false);
  command->add_option("--wait-for", options->settings.wait_for,
                      "members that the first round waits for (default: all places)");
  command->add_flag("--own-data", options->settings.own_data,
                    "members bring their own rows (shoal join --data); the experiment's are for "
                    "testing");
  command->add_option("--update-norm-max", options->settings.update_norm_max,
                      "refuse updates of a larger norm (default: any)");
  command->add_option(
      "--member-rows-max", options->settings.member_rows_max,
      "rows that a member may register, and so claim as its weight (default: 10^7)");
  command->add_option("--metrics", options->metrics,
                      "HOST:PORT of this machine for a Prometheus endpoint (default: none)");
  command->add_option("--out", options->out, "folder for the run's folder (default: runs)");
  command->add_option("--address-file", options->address_file,
                      "write the address that was taken to this file");
  command->add_option("--threads", options->threads, "threads; results do not depend on them");
  command->add_flag("--quiet", options->quiet, "no progress");
  command->callback([options, &action] { action = [options] { return serve(*options); }; });
}

}  // namespace shoal
