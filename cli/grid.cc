// `shoal grid`: an experiment under every combination of two lists of changes, as a heat map.
#include <filesystem>
#include <fmt/format.h>
#include <thread>

#include "shoal/base/clock.h"
#include "shoal/base/file.h"
#include "shoal/base/toml.h"
#include "shoal/run/grid_report.h"

#include "cli/command.h"

namespace shoal {
namespace {

struct GridOptions {
  std::string file;
  std::vector<std::string> set;
  std::vector<std::int64_t> seeds = {1};
  std::size_t threads = 0;
  std::string out = "runs";
  bool quiet = false;
};

Result<GridPlan> read_plan(const GridOptions& options) {
  SHOAL_TRY(const std::string text, read_text_file(options.file, std::uint64_t{1} << 20));
  auto table = parse_toml(text);
  if (!table.ok()) return within(options.file, table.error());
  if (!table->find("name")) table->set("name", std::filesystem::path(options.file).stem().string());
  auto plan = read_grid(*table);
  if (!plan.ok()) return within(options.file, plan.error());
  return plan;
}

void report_progress(const GridPlan& plan, std::size_t done, const GridCell& cell,
                     double elapsed_s) {
  const std::size_t columns = plan.columns.size();
  const std::size_t line = (done - 1) / columns;
  const double left_s =
      elapsed_s / static_cast<double>(done) * static_cast<double>(plan.size() - done);
  const auto accuracy = mean_of(cell.accuracy);
  fmt::print(stderr, "{:>5}/{}  {} {} × {}: {}  {:.0f} s, {:.0f} s to go\n", done, plan.size(),
             plan.pages[line / plan.rows.size()].name, plan.rows[line % plan.rows.size()].name,
             plan.columns[(done - 1) % columns].name,
             accuracy ? fmt::format("{:.3f}", *accuracy) : "refused", elapsed_s, left_s);
}

int grid(const GridOptions& options) {
  const auto plan = read_plan(options);
  if (!plan.ok()) return complain(plan.error());
  const std::size_t threads =
      options.threads > 0 ? options.threads : std::max(1u, std::thread::hardware_concurrency());
  ThreadPool pool(threads);
  const double begin_s = steady_now_s();
  const auto result = run_grid(*plan, options.set, options.seeds, pool,
                               [&](std::size_t done, const GridCell& cell) {
                                 if (!options.quiet)
                                   report_progress(*plan, done, cell, steady_now_s() - begin_s);
                               });
  if (!result.ok()) return complain(result.error());
  const std::string folder = options.out + "/" + plan->name;
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed)
    return complain(io_error(fmt::format("cannot make {}: {}", folder, failed.message())));
  if (const Status csv = write_file_atomically(folder + "/grid.csv", grid_csv(*result)); !csv.ok())
    return complain(csv.error());
  const Status html = write_file_atomically(folder + "/grid.html", grid_html(*result));
  if (!html.ok()) return complain(html.error());
  fmt::print("{}\n{} combinations in {:.0f} s\ntable: {}/grid.csv\nreport: {}/grid.html\n",
             grid_text(*result), plan->size(), steady_now_s() - begin_s, folder, folder);
  return 0;
}

}  // namespace

void add_grid_command(CLI::App& app, Action& action) {
  auto options = std::make_shared<GridOptions>();
  CLI::App* command = app.add_subcommand(
      "grid",
      "Run an experiment under every combination of its [[row]] and [[column]] changes.\n"
      "Try: shoal grid examples/attack-grid.toml\n"
      "Leaves grid.csv and grid.html, a heat map, in OUT/NAME.");
  command->add_option("file", options->file, "the experiment with its rows and columns (TOML)")
      ->required();
  command->add_option("--set", options->set, "change a setting everywhere")
      ->allow_extra_args(false);
  command->add_option("--seeds", options->seeds, "seeds of every combination");
  command->add_option("--threads", options->threads, "threads; results do not depend on them");
  command->add_option("--out", options->out, "where the folder of the grid goes");
  command->add_flag("--quiet", options->quiet, "no progress");
  command->callback([options, &action] { action = [options] { return grid(*options); }; });
}

}  // namespace shoal
