// `shoal`: trains one model on many machines that are slow to reach, fail, straggle or lie.
#include <cstdio>

#include "cli/command.h"

namespace shoal {

int complain(const Error& error) {
  std::fprintf(stderr, "shoal: %s\n", error.message.c_str());
  return kExitBadInput;
}

}  // namespace shoal

int main(int argc, char** argv) {
  CLI::App app{
      "shoal trains one model on many machines that are slow to reach, fail, straggle or lie.\n"
      "An experiment is a TOML file: try `shoal run examples/first.toml`, then look at\n"
      "runs/first/report.html. `shoal list methods` shows what there is, `shoal explain fedavg`\n"
      "what it does and which settings it takes."};
  app.name("shoal");
  app.set_version_flag("--version", std::string("shoal 0.1.0"));
  app.require_subcommand(1);
  shoal::Action action;
  shoal::add_run_command(app, action);
  shoal::add_compare_command(app, action);
  shoal::add_sweep_command(app, action);
  shoal::add_grid_command(app, action);
  shoal::add_study_command(app, action);
  shoal::add_list_command(app, action);
  shoal::add_explain_command(app, action);
  shoal::add_check_command(app, action);
  shoal::add_partition_command(app, action);
  shoal::add_aggregate_command(app, action);
  shoal::add_encode_command(app, action);
  shoal::add_decode_command(app, action);
  shoal::add_server_command(app, action);
  shoal::add_join_command(app, action);
  shoal::add_local_command(app, action);
  shoal::add_status_command(app, action);
  shoal::add_ca_command(app, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? 0 : shoal::kExitBadInput;
  }
  return action ? action() : 0;
}
