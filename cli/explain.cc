// `shoal explain`: what a thing does and which settings it takes.
#include <fmt/format.h>

#include "shoal/run/shelves.h"

#include "cli/command.h"

namespace shoal {
namespace {

struct ExplainOptions {
  std::string name;
  bool markdown = false;
  bool schema = false;
};

// "topk" finds top_k: separators do not matter when asking.
std::string squeezed(const std::string& name) {
  std::string text;
  for (const char c : name)
    if (c != '_' && c != '-') text += c;
  return text;
}

int explain(const ExplainOptions& options) {
  if (options.markdown) return fmt::print("{}", reference_markdown()), 0;
  if (options.schema) return fmt::print("{}", json_schema()), 0;
  std::vector<Shelf> all = shelves();
  for (Shelf& section : plain_sections()) all.push_back(std::move(section));
  std::vector<std::string> names;
  bool found = false;
  for (const Shelf& shelf : all) {
    for (const Thing& thing : shelf.things) {
      names.push_back(thing.name);
      if (squeezed(thing.name) != squeezed(options.name)) continue;
      fmt::print("{}{}", found ? "\n" : "", explain_text(shelf, thing));
      found = true;
    }
  }
  if (found) return 0;
  const std::string near = nearest_name(options.name, names);
  return complain(not_found(fmt::format(
      "nothing is called '{}'{}", options.name,
      near.empty() ? "; `shoal list` shows everything" : "; did you mean '" + near + "'?")));
}

}  // namespace

void add_explain_command(CLI::App& app, Action& action) {
  auto options = std::make_shared<ExplainOptions>();
  CLI::App* command =
      app.add_subcommand("explain",
                         "Explain a method, codec, rule, ... or a section and its settings.\n"
                         "Try: shoal explain top_k; shoal explain network");
  command->add_option("name", options->name, "its name, as `shoal list` shows it");
  command->add_flag("--markdown", options->markdown, "the whole reference page");
  command->add_flag("--schema", options->schema, "the JSON Schema of an experiment file");
  command->callback([options, &action] { action = [options] { return explain(*options); }; });
}

}  // namespace shoal
