// `shoal study`: the claims of a paper, run with their baselines.
#include "shoal/study/study.h"

#include <chrono>
#include <fmt/format.h>
#include <thread>

#include "shoal/base/file.h"

#include "cli/command.h"

namespace shoal {
namespace {

struct StudyOptions {
  std::string name;
  std::size_t seeds = 3;
  std::size_t threads = 0;
  std::string write;
  bool quiet = false;
};

int run_study(const StudyOptions& options) {
  std::vector<std::string> names;
  const Study* chosen = nullptr;
  for (const Study& study : studies()) {
    names.push_back(study.name);
    if (study.name == options.name) chosen = &study;
  }
  if (options.name.empty()) {
    for (const Study& study : studies())
      fmt::print("  {:<24} {} [{}]\n", study.name, study.summary, study.paper);
    return 0;
  }
  if (!chosen)
    return complain(
        not_found("unknown study '" + options.name + "'" + suggestion(options.name, names)));
  const std::size_t threads =
      options.threads > 0 ? options.threads : std::max(1u, std::thread::hardware_concurrency());
  ThreadPool pool(threads);
  std::vector<std::int64_t> seeds;
  for (std::size_t i = 1; i <= options.seeds; ++i) seeds.push_back(static_cast<std::int64_t>(i));
  const auto begin = std::chrono::steady_clock::now();
  const auto wall_s = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  };
  StudyContext context(pool, seeds, [&](const std::string& line) {
    if (!options.quiet) fmt::print(stderr, "[{:6.1f} s] {}\n", wall_s(), line);
  });
  const auto claims = chosen->run(context);
  if (!claims.ok()) return complain(claims.error());
  const std::string page = study_markdown(*chosen, *claims, context.text());
  fmt::print("\n{}\n", page);
  if (!options.quiet) fmt::print(stderr, "{:.1f} s\n", wall_s());
  if (options.write.empty()) return 0;
  const Status status = write_file_atomically(options.write, page);
  return status.ok() ? 0 : complain(status.error());
}

}  // namespace

void add_study_command(CLI::App& app, Action& action) {
  auto options = std::make_shared<StudyOptions>();
  CLI::App* command = app.add_subcommand(
      "study", "Run a paper's claims with their baselines; without a name, list the studies.");
  command->add_option("name", options->name, "the study, like relaysgd");
  command->add_option("--seeds", options->seeds, "seeds 1, 2, ...")->check(CLI::Range(1, 100));
  command->add_option("--threads", options->threads, "threads; results do not depend on them");
  command->add_option("--write", options->write, "also write the page to this file");
  command->add_flag("--quiet", options->quiet, "no progress");
  command->callback([options, &action] { action = [options] { return run_study(*options); }; });
}

}  // namespace shoal
