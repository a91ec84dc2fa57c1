#include "shoal/run/shelves.h"

#include <cmath>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "shoal/attack/attack.h"
#include "shoal/codec/codec.h"
#include "shoal/data/partition.h"
#include "shoal/data/source.h"
#include "shoal/graph/topology_kind.h"
#include "shoal/method/method.h"
#include "shoal/model/factory.h"
#include "shoal/rule/rule.h"
#include "shoal/run/experiment.h"

namespace shoal {
namespace {

template <class T, class... Context>
Shelf shelf(const char* section, const char* singular, const char* plural,
            const Catalogue<T, Context...>& catalogue) {
  Shelf shelf{section, singular, plural, {}};
  for (const auto& entry : catalogue.entries())
    shelf.things.push_back({entry.name, entry.summary, entry.paper, entry.settings});
  return shelf;
}

template <class T>
Shelf plain(const char* section, const char* summary) {
  return Shelf{section, section, section, {{section, summary, "", list_settings(T{})}}};
}

std::string range_of(const SettingInfo& info) {
  if (!info.options.empty()) return fmt::format("{}", fmt::join(info.options, " | "));
  const bool bounded =
      std::isfinite(info.about.range.lower) || std::isfinite(info.about.range.upper);
  return bounded ? info.about.range.text() : "";
}

using Json = nlohmann::ordered_json;

Json schema_of(const SettingInfo& info) {
  Json schema;
  if (!info.options.empty())
    schema["enum"] = info.options;
  else if (info.type == "number")
    schema["type"] = "number";
  else if (info.type == "integer")
    schema["type"] = "integer";
  else if (info.type == "true or false")
    schema["type"] = "boolean";
  else if (info.type == "text")
    schema["type"] = "string";
  else if (info.type == "list of tables")
    schema = {{"type", "array"}, {"items", {{"type", "object"}}}};
  else
    schema = {{"type", "array"},
              {"items", {{"type", info.type == "list of numbers" ? "number" : "string"}}}};
  const Range& range = info.about.range;
  const bool number = info.type == "number" || info.type == "integer";
  if (number && std::isfinite(range.lower))
    schema[range.lower_open ? "exclusiveMinimum" : "minimum"] = range.lower;
  if (number && std::isfinite(range.upper))
    schema[range.upper_open ? "exclusiveMaximum" : "maximum"] = range.upper;
  schema["description"] = info.meaning;
  return schema;
}

Json schema_of(const Thing& thing, bool with_kind) {
  Json schema = {{"type", "object"}, {"description", thing.summary}};
  Json properties = Json::object();
  if (with_kind) {
    properties["kind"] = {{"const", thing.name}};
    schema["required"] = {"kind"};
  }
  for (const SettingInfo& info : thing.settings) properties[info.name] = schema_of(info);
  schema["properties"] = properties;
  return schema;
}

}  // namespace

std::vector<Shelf> shelves() {
  return {shelf("method", "method", "methods", methods()),
          shelf("model", "model", "models", models()),
          shelf("data", "data set", "data", data_sources()),
          shelf("partition", "partition", "partitions", partitioners()),
          shelf("topology", "topology", "topologies", topologies()),
          shelf("codec", "codec", "codecs", codecs()),
          shelf("rule", "rule", "rules", rules()),
          shelf("rule.before", "pre-aggregator", "pre-aggregators", pre_aggregators()),
          shelf("attack", "attack", "attacks", attacks())};
}

std::vector<Shelf> plain_sections() {
  std::vector<Shelf> sections = {
      plain<GeneralSettings>("top", "settings at the top of the file"),
      plain<NodesSettings>("nodes", "how many nodes, who lies, how fast they are"),
      plain<NetworkSettings>("network", "latency and bandwidth"),
      plain<FaultSettings>("faults", "what goes wrong"),
      plain<MixingSettings>("mixing", "weights of a gossip average"),
      plain<AccordionSettings>("accordion",
                               "milder or harder compression as gradients change, or the batch; "
                               "`hard` names the hard codec, [codec] is the mild one"),
      plain<ValidationSettings>("validation", "training rows that only the server holds"),
      plain<ReportSettings>("report", "what a run writes, and how often")};
  sections.push_back({"codec",
                      "codec use",
                      "codec use",
                      {{"codec use",
                        "beside a codec's own settings; `values` names the codec of the entries "
                        "that top_k and its like keep, `shift_codec` the unbiased one of ef_diana",
                        "", list_settings(FeedbackSettings{})}}});
  sections.push_back({"rule",
                      "rule use",
                      "rule use",
                      {{"rule use", "beside a rule's own settings; `before` lists pre-aggregators",
                        "", list_settings(RuleUse{})}}});
  sections.push_back(
      {"attack",
       "attack use",
       "attack use",
       {{"attack use", "beside an attack's own settings", "", list_settings(AttackUse{})}}});
  return sections;
}

std::string explain_text(const Shelf& shelf, const Thing& thing) {
  std::string text = fmt::format("{} ({}): {}\n", thing.name, shelf.singular, thing.summary);
  if (!thing.paper.empty()) text += fmt::format("paper: {}\n", thing.paper);
  if (thing.settings.empty()) return text + "It has no settings.\n";
  text += fmt::format("\nsettings in [{}]:\n", shelf.section);
  for (const SettingInfo& info : thing.settings) {
    const std::string range = range_of(info);
    text +=
        fmt::format("  {:<22} {}\n  {:<22}   default {}{}{}{}\n", info.name, info.meaning, "",
                    info.default_text, *info.about.unit ? fmt::format(" {}", info.about.unit) : "",
                    range.empty() ? "" : ", " + range,
                    *info.about.paper ? fmt::format(" [{}]", info.about.paper) : "");
  }
  return text;
}

std::string json_schema() {
  Json schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                 {"title", "shoal experiment"},
                 {"type", "object"}};
  Json properties = Json::object();
  for (const Shelf& section : plain_sections()) {
    if (section.section == "top")
      for (const SettingInfo& info : section.things[0].settings)
        properties[info.name] = schema_of(info);
    else if (section.singular == section.section)
      properties[section.section] = schema_of(section.things[0], false);
  }
  for (const Shelf& shelf : shelves()) {
    if (shelf.section == "rule.before") continue;
    Json kinds = Json::array();
    for (const Thing& thing : shelf.things) kinds.push_back(schema_of(thing, true));
    properties[shelf.section] = {{"oneOf", kinds}};
  }
  properties["run"] = {{"type", "array"},
                       {"items", {{"type", "object"}, {"required", {"name"}}}},
                       {"description", "one table a run: its name and what it changes"}};
  schema["properties"] = properties;
  return schema.dump(2) + "\n";
}

std::string reference_markdown() {
  std::string text =
      "# Settings\n\nGenerated by `shoal explain --markdown`; a test keeps it in step with the "
      "code.\n";
  const auto table = [&](const Thing& thing) {
    if (thing.settings.empty()) {
      text += "\nNo settings.\n";
      return;
    }
    text += "\n| setting | meaning | default | range |\n|---|---|---|---|\n";
    for (const SettingInfo& info : thing.settings) {
      std::string range = range_of(info);
      for (std::size_t at = 0; (at = range.find('|', at)) != std::string::npos; at += 2)
        range.replace(at, 1, "\\|");
      text += fmt::format("| `{}` | {}{} | `{}`{} | {} |\n", info.name, info.meaning,
                          *info.about.paper ? fmt::format(" [{}]", info.about.paper) : "",
                          info.default_text,
                          *info.about.unit ? fmt::format(" {}", info.about.unit) : "", range);
    }
  };
  for (const Shelf& section : plain_sections()) {
    const std::string& name = section.things[0].name;
    text += fmt::format("\n## {}\n\n{}\n",
                        name == "top" ? "Top of the file" : "[" + section.section + "]",
                        section.things[0].summary);
    table(section.things[0]);
  }
  for (const Shelf& shelf : shelves()) {
    text += fmt::format("\n## {} ([{}])\n", shelf.plural, shelf.section);
    for (const Thing& thing : shelf.things) {
      text += fmt::format("\n### {}\n\n{}{}\n", thing.name, thing.summary,
                          thing.paper.empty() ? "" : " (" + thing.paper + ")");
      table(thing);
    }
  }
  return text;
}

}  // namespace shoal
