// `shoal list`: what there is to choose from.
#include <fmt/format.h>

#include "shoal/run/shelves.h"

#include "cli/command.h"

namespace shoal {
namespace {

int list(const std::string& what) {
  std::vector<std::string> names;
  bool any = false;
  for (const Shelf& shelf : shelves()) {
    names.push_back(shelf.plural);
    if (!what.empty() && what != shelf.plural && what != shelf.singular) continue;
    any = true;
    fmt::print("{}\n", shelf.plural);
    for (const Thing& thing : shelf.things)
      fmt::print("  {:<22} {}{}\n", thing.name, thing.summary,
                 thing.paper.empty() ? "" : " [" + thing.paper + "]");
    fmt::print("\n");
  }
  if (any) return 0;
  return complain(not_found("nothing is listed as '" + what + "'" + suggestion(what, names)));
}

}  // namespace

void add_list_command(CLI::App& app, Action& action) {
  auto what = std::make_shared<std::string>();
  CLI::App* command =
      app.add_subcommand("list",
                         "List methods, models, data, partitions, topologies, codecs, rules, "
                         "attacks and studies.");
  command->add_option("what", *what, "only these, like `shoal list methods`");
  command->callback([what, &action] { action = [what] { return list(*what); }; });
}

}  // namespace shoal
