// `shoal join`: a member of a run over a network.
#include <fmt/format.h>
#include <random>
#include <unistd.h>

#include "shoal/run/member_run.h"

#include "cli/command.h"
#include "cli/stop_signal.h"
#include "cli/tls_options.h"

namespace shoal {
namespace {

struct JoinOptions {
  std::string kit;
  std::size_t threads = 1;
  bool quiet = false;
  MemberRunSettings settings;
};

// A name for a first try, where certificates do not give one.
std::string made_up_name() { return fmt::format("member-{}", ::getpid()); }

int join(JoinOptions options) {
  const auto kit = open_kit(options.kit, KitOf::kMember);
  if (!kit.ok()) return complain(kit.error());
  GrpcClientSettings& client = options.settings.client;
  client.tls = kit->tls;
  if (client.name.empty()) client.name = kit->name.empty() ? made_up_name() : kit->name;
  client.jitter_seed = std::random_device()();
  ThreadPool pool(options.threads);
  auto run = MemberRun::join(options.settings, pool);
  if (!run.ok()) return complain(run.error());
  MemberRun& member = **run;
  const StopSignal stop([&member] { member.request_stop(); });
  if (!options.quiet)
    fmt::print(stderr, "{}: joined {} as node {}\n", client.name, member.joined().run,
               member.joined().node);
  const auto finished = member.go();
  if (!finished.ok()) return complain(finished.error());
  if (!*finished) return kExitInterrupted;
  if (!options.quiet) fmt::print(stderr, "{}: the run is over\n", client.name);
  return 0;
}

}  // namespace

void add_join_command(CLI::App& app, Action& action) {
  auto options = std::make_shared<JoinOptions>();
  CLI::App* command = app.add_subcommand(
      "join",
      "Join a run that `shoal server` serves.\n"
      "The server sends the experiment; with --data this member trains on its own rows, else on\n"
      "its share of the experiment's data. It comes back by itself when the server does.");
  GrpcClientSettings& client = options->settings.client;
  command->add_option("server", client.server, "HOST:PORT of the server")->required();
  command->add_option("--data", options->settings.data,
                      "own rows: .csv, .tsv, .svm, .toml with a [data] table, or a folder");
  command->add_option("--name", client.name,
                      "a-z, 0-9 and '-'; keeps this member's place (default: the certificate's)");
  add_kit_option(*command, options->kit);
  command->add_option("--revoked", options->settings.revoked, "revocation list, for peers");
  command->add_option("--listen", client.listen,
                      "HOST:PORT where peers reach us, for methods without a server (default: a\n"
                      "free port of this machine)");
  command->add_option("--state", options->settings.state,
                      "folder that keeps what this member remembers between rounds");
  command->add_option("--give-up", client.give_up_s,
                      "seconds without a server after which to give up (default: 600)");
  command->add_option("--threads", options->threads, "threads (default: 1)");
  command->add_flag("--quiet", options->quiet, "no progress");
  command->callback([options, &action] { action = [options] { return join(*options); }; });
}

}  // namespace shoal
