// `shoal status`: how the server of a run is doing.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "shoal/net/grpc/status_call.h"

#include "cli/command.h"
#include "cli/tls_options.h"

namespace shoal {
namespace {

struct StatusOptions {
  std::string server;
  std::string kit;
  bool json = false;
};

void print(const nlohmann::json& status) {
  fmt::print("{}  {}, round {} of {}, {} of {} members here\n", status.value("run", ""),
             status.value("method", ""), status.value("round", 0), status.value("rounds", 0),
             status.value("present", 0), status.value("places", 0));
  for (const auto& member : status.value("members", nlohmann::json::array()))
    fmt::print("  node {:<5} {:<24} {}\n", member.value("node", 0), member.value("name", ""),
               member.value("presence", ""));
  const auto metrics = status.value("metrics", nlohmann::json::object());
  for (const auto& [name, value] : metrics.items())
    fmt::print("  {:<60} {:g}\n", name, value.get<double>());
}

int show_status(const StatusOptions& options) {
  const auto kit = open_kit(options.kit, KitOf::kMember);
  if (!kit.ok()) return complain(kit.error());
  const auto json = fetch_status(options.server, kit->tls);
  if (!json.ok()) return complain(json.error());
  const auto status = nlohmann::json::parse(*json, nullptr, false);
  if (!status.is_object())
    return complain(corrupt(options.server + " answers with something that is no status"));
  if (options.json)
    fmt::print("{}\n", status.dump(2));
  else
    print(status);
  return 0;
}

}  // namespace

void add_status_command(CLI::App& app, Action& action) {
  auto options = std::make_shared<StatusOptions>();
  CLI::App* command = app.add_subcommand(
      "status", "Show how the server of a run is doing: round, members, counts.");
  command->add_option("server", options->server, "HOST:PORT of the server")->required();
  add_kit_option(*command, options->kit);
  command->add_flag("--json", options->json, "as JSON");
  command->callback([options, &action] { action = [options] { return show_status(*options); }; });
}

}  // namespace shoal
