// `shoal local`: server and members of a run as processes of this machine.
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fmt/format.h>
#include <optional>
#include <spawn.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "shoal/base/file.h"
#include "shoal/run/experiment.h"

#include "cli/command.h"
#include "cli/stop_signal.h"

extern char** environ;

namespace shoal {
namespace {

constexpr std::chrono::milliseconds kLookPeriod{20};
constexpr std::chrono::seconds kServerPatience{60};

struct LocalOptions {
  std::string file;
  std::string run;
  std::vector<std::string> set;
  std::string out = "runs";
  bool quiet = false;
};

Result<pid_t> spawn(const std::vector<std::string>& arguments) {
  std::vector<char*> raw;
  for (const std::string& argument : arguments) raw.push_back(const_cast<char*>(argument.c_str()));
  raw.push_back(nullptr);
  pid_t child = 0;
  const int code = posix_spawn(&child, "/proc/self/exe", nullptr, nullptr, raw.data(), environ);
  if (code != 0) return io_error(fmt::format("cannot start a process: {}", std::strerror(code)));
  return child;
}

// Children that are ended when this goes out of scope.
class Children {
 public:
  ~Children() {
    ask_to_stop();
    for (const pid_t child : running_) waitpid(child, nullptr, 0);
  }
  void add(pid_t child) { running_.push_back(child); }
  void ask_to_stop() const {
    for (const pid_t child : running_) ::kill(child, SIGTERM);
  }
  // The exit code, once it has ended.
  std::optional<int> ended(pid_t child) {
    int status = 0;
    if (waitpid(child, &status, WNOHANG) != child) return std::nullopt;
    std::erase(running_, child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  std::vector<pid_t> running_;
};

std::vector<std::string> server_arguments(const LocalOptions& options,
                                          const std::string& address_file) {
  std::vector<std::string> arguments = {"shoal",     "server",         options.file,
                                        "--listen",  "127.0.0.1:0",    "--out",
                                        options.out, "--address-file", address_file};
  for (const std::string& set : options.set) {
    arguments.push_back("--set");
    arguments.push_back(set);
  }
  if (!options.run.empty()) arguments.insert(arguments.end(), {"--run", options.run});
  if (options.quiet) arguments.push_back("--quiet");
  return arguments;
}

int wait_for_end(Children& children, pid_t server) {
  for (;;) {
    if (const auto code = children.ended(server)) return *code;
    if (StopSignal::came()) children.ask_to_stop();
    std::this_thread::sleep_for(kLookPeriod);
  }
}

int run_local(const LocalOptions& options) {
  const auto experiments = read_experiment_file(options.file, options.set);
  if (!experiments.ok()) return complain(experiments.error());
  const Experiment* experiment = &experiments->front();
  for (const Experiment& candidate : *experiments)
    if (candidate.general.name == options.run) experiment = &candidate;
  char folder[] = "/tmp/shoal-local-XXXXXX";
  if (!mkdtemp(folder)) return complain(io_error("cannot make a folder in /tmp"));
  const std::string address_file = std::string(folder) + "/address";
  const StopSignal stop([] {});
  Children children;
  const auto server = spawn(server_arguments(options, address_file));
  if (!server.ok()) return complain(server.error());
  children.add(*server);
  const auto begin = std::chrono::steady_clock::now();
  while (!std::filesystem::exists(address_file)) {
    if (const auto code = children.ended(*server)) return *code;
    if (StopSignal::came() || std::chrono::steady_clock::now() - begin > kServerPatience)
      return kExitInterrupted;
    std::this_thread::sleep_for(kLookPeriod);
  }
  const auto address = read_text_file(address_file);
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
  if (!address.ok()) return complain(address.error());
  for (std::int64_t i = 0; i < experiment->nodes.count; ++i) {
    const auto member = spawn({"shoal", "join", *address, "--name", fmt::format("member-{}", i),
                               "--listen", "127.0.0.1:0", "--quiet"});
    if (!member.ok()) return complain(member.error());
    children.add(*member);
  }
  return wait_for_end(children, *server);
}

}  // namespace

void add_local_command(CLI::App& app, Action& action) {
  auto options = std::make_shared<LocalOptions>();
  CLI::App* command = app.add_subcommand(
      "local",
      "Run an experiment as real processes of this machine: a server and a member for every\n"
      "node, over gRPC on loopback, for a first try of what `shoal server` and `shoal join` do.");
  command->add_option("file", options->file, "the experiment (TOML)")->required();
  command->add_option("--run", options->run, "which [[run]] of the file");
  command->add_option("--set", options->set, "change a setting: --set method.rounds=50")
      ->allow_extra_args(false);
  command->add_option("--out", options->out, "folder for the run's folder (default: runs)");
  command->add_flag("--quiet", options->quiet, "no progress");
  command->callback([options, &action] { action = [options] { return run_local(*options); }; });
}

}  // namespace shoal
