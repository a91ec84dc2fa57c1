#include "shoal/run/experiment.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <set>

#include "shoal/attack/attack.h"
#include "shoal/base/file.h"
#include "shoal/base/toml.h"
#include "shoal/codec/composition.h"
#include "shoal/data/partition.h"
#include "shoal/data/source.h"
#include "shoal/graph/topology_kind.h"
#include "shoal/method/method.h"
#include "shoal/model/factory.h"
#include "shoal/rule/pipeline.h"

namespace shoal {

void describe(Settings& s, GeneralSettings& v) {
  s.text("name", v.name, "name of the run and of its folder");
  s.integer("seed", v.seed, "every random stream of the run comes from it", {.range = at_least(0)});
  s.choice("precision", v.precision, "of parameters and messages",
           {{"float", Precision::kFloat}, {"double", Precision::kDouble}});
  s.real("patience_s", v.patience_s, "longest wait for another node",
         {.range = above(0), .unit = "s"});
}

void describe(Settings& s, NodesSettings& v) {
  s.integer("count", v.count, "workers that hold data",
            {.range = at_least(1).up_to(1e6), .unit = "nodes"});
  s.integer("liars", v.liars, "how many of them lie, drawn by the seed",
            {.range = at_least(0), .unit = "nodes"});
  s.flag("liars_move", v.liars_move,
         "draw the liars anew every round, among the clients that the server asks",
         {.paper = "1903.06996"});
  describe(s, v.speed);
}

void describe(Settings& s, ReportSettings& v) {
  s.integer("every", v.every, "test the model every so many rounds (and after the last)",
            {.range = at_least(1), .unit = "rounds"});
  s.integer("checkpoint_every", v.checkpoint_every,
            "save a checkpoint every so many rounds; 0: never",
            {.range = at_least(0), .unit = "rounds"});
  s.flag("tensorboard", v.tensorboard, "also write event files for TensorBoard");
  s.flag("trace", v.trace, "also write a timeline in Chrome's trace format");
  s.flag("links", v.links, "count bytes per link, for small runs");
}

void describe(Settings& s, ValidationSettings& v) {
  s.integer("rows", v.rows,
            "training rows that only the server holds, of every class alike; 0: none",
            {.range = at_least(0), .unit = "rows"});
}

void describe(Settings& s, RuleUse& v) {
  s.integer("faults", v.faults, "f, the lying clients the rule is declared to withstand",
            {.range = at_least(0), .unit = "nodes"});
}

void describe(Settings& s, AttackUse& v) {
  s.flag("equivocate", v.equivocate,
         "receivers of odd id are sent the negative of what the attack forges");
  s.integer("from_round", v.from_round, "first round of the attack; honest before",
            {.range = at_least(0).up_to(1e9), .unit = "rounds"});
  s.integer("every", v.every, "rounds from attack to attack, honest ones between",
            {.range = at_least(1).up_to(1e9), .unit = "rounds"});
}

namespace {

const std::vector<std::string>& section_names() {
  static const std::vector<std::string> names = {
      "data",   "partition", "model",     "nodes", "network", "faults",     "topology", "mixing",
      "method", "codec",     "accordion", "rule",  "attack",  "validation", "report",   "run"};
  return names;
}

constexpr const char* kShiftCodec = "shift_codec";
constexpr const char* kHard = "hard";

const Table& empty_table() {
  static const Table empty;
  return empty;
}

Result<const Table*> section(const Table& table, const std::string& name) {
  const Value* value = table.find(name);
  if (!value) return &empty_table();
  const Table* inner = value->as<Table>();
  if (!inner)
    return invalid_argument(
        fmt::format("'{}' is {}; it must be a section [{}]", name, value->type_name(), name));
  return inner;
}

template <class T>
Status read_section(const Table& table, const std::string& name, T& values) {
  SHOAL_TRY(const Table* inner, section(table, name));
  return read_settings(*inner, "[" + name + "]", values);
}

// Nothing is asked for: no settings at all, or kind = "none".
bool is_none(const Table& section) {
  const Value* kind = section.find("kind");
  const std::string* name = kind ? kind->as<std::string>() : nullptr;
  return section.empty() || (name && *name == "none");
}

// Resolves a section whose kind comes from a catalogue; an absent one stays empty.
template <class T, class... Context>
Status resolve_kind(const Table& table, const std::string& name,
                    const Catalogue<T, Context...>& catalogue, bool optional, Table& out) {
  SHOAL_TRY(const Table* inner, section(table, name));
  if (optional && is_none(*inner)) return ok_status();
  SHOAL_TRY(out, catalogue.resolve(*inner, "[" + name + "]"));
  return ok_status();
}

// Splits what describes the use of a thing from the settings of the thing itself.
template <class T>
Status split_use(const Table& table, const std::string& name, T& use, Table& rest) {
  SHOAL_TRY(const Table* inner, section(table, name));
  Table own;
  std::set<std::string> used;
  for (const SettingInfo& info : list_settings(T{})) used.insert(info.name);
  for (const auto& [key, value] : inner->entries()) (used.count(key) ? own : rest).set(key, value);
  return read_settings(own, "[" + name + "]", use);
}

// The second codec that feedback may have, named beside the first.
Status take_shift_codec(Table& codec, FeedbackSettings& feedback) {
  const Value* given = codec.find(kShiftCodec);
  if (!given) return ok_status();
  SHOAL_TRY(feedback.shift_codec, resolve_named_codec(*given, "[codec] shift_codec"));
  codec.erase(kShiftCodec);
  return ok_status();
}

// A section that has to say what it changes, or be left out.
Status read_accordion(const Table& table, AccordionSettings& accordion) {
  SHOAL_TRY(const Table* given, section(table, "accordion"));
  if (given->empty()) return ok_status();
  Table rest = *given;
  if (const Value* hard = given->find(kHard)) {
    SHOAL_TRY(accordion.hard, resolve_named_codec(*hard, "[accordion] hard"));
    rest.erase(kHard);
  }
  SHOAL_TRY_STATUS(read_settings(rest, "[accordion]", accordion));
  if (accordion.hard.empty() == (accordion.large_batch == 0))
    return invalid_argument(
        "[accordion] needs one of the two: hard, a codec such as { kind = \"top_k\", ratio = 0.01 "
        "}, "
        "or large_batch");
  return ok_status();
}

Status check_numbers(const Experiment& experiment) {
  const auto count = experiment.nodes.count;
  if (experiment.nodes.liars > count)
    return invalid_argument(
        fmt::format("[nodes] has {} liars among {} nodes", experiment.nodes.liars, count));
  if (experiment.nodes.liars > 0 && experiment.attack.empty())
    return invalid_argument(fmt::format(
        "[nodes] has {} liars and there is no [attack]; say what they do, or set liars = 0",
        experiment.nodes.liars));
  if (experiment.nodes.speed.stragglers == StragglerLaw::kTrace &&
      experiment.nodes.speed.straggler_trace.empty())
    return invalid_argument("stragglers = \"trace\" needs straggler_trace, a file of slowdowns");
  const std::string& name = experiment.general.name;
  const bool plain =
      !name.empty() && name[0] != '.' && std::all_of(name.begin(), name.end(), [](unsigned char c) {
        return std::isalnum(c) || c == '-' || c == '_' || c == '.';
      });
  if (!plain)
    return invalid_argument(fmt::format(
        "name = \"{}\": a run is named with letters, digits, '-', '_' and '.', for its folder",
        name));
  return ok_status();
}

// Lays one --set on an experiment. Another kind replaces the whole section, as in [[run]].
Status apply_override(Table& table, const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos)
    return invalid_argument(
        fmt::format("--set {}: write it as path=value, like codec.ratio=0.1", text));
  SHOAL_TRY(Value value, parse_toml_value(text.substr(equals + 1)));
  const std::string path = text.substr(0, equals);
  const std::size_t dot = path.find('.');
  if (dot != std::string::npos && path.substr(dot) == ".kind") {
    Table section;
    section.set("kind", std::move(value));
    Table change;
    change.set(path.substr(0, dot), std::move(section));
    table = with_changes(table, change);
    return ok_status();
  }
  return set_path(table, path, std::move(value));
}

}  // namespace

Table with_changes(const Table& base, const Table& changes) {
  Table merged = base;
  for (const auto& [key, value] : changes.entries()) {
    const Table* over = value.as<Table>();
    Value* old = merged.find(key);
    Table* old_table = old ? old->as<Table>() : nullptr;
    if (!over || !old_table) {
      merged.set(key, value);
      continue;
    }
    const Value* new_kind = over->find("kind");
    const Value* old_kind = old_table->find("kind");
    const auto text = [](const Value* v) {
      const auto* held = v ? v->as<std::string>() : nullptr;
      return held ? *held : std::string();
    };
    if (new_kind && text(new_kind) != text(old_kind))
      merged.set(key, value);
    else
      merge(*old_table, *over);
  }
  return merged;
}

Result<Experiment> resolve_experiment(const Table& table) {
  Experiment e;
  std::vector<std::string> known = section_names();
  for (const SettingInfo& info : list_settings(GeneralSettings{})) known.push_back(info.name);
  for (const auto& [key, value] : table.entries())
    if (std::find(known.begin(), known.end(), key) == known.end())
      return invalid_argument(fmt::format(
          "{}unknown {} '{}'{}", value.line > 0 ? fmt::format("line {}: ", value.line) : "",
          value.as<Table>() ? "section" : "setting", key, suggestion(key, known)));
  SHOAL_TRY_STATUS(read_settings(table, "the experiment", e.general, section_names()));
  SHOAL_TRY_STATUS(read_section(table, "nodes", e.nodes));
  SHOAL_TRY_STATUS(read_section(table, "network", e.network));
  SHOAL_TRY_STATUS(read_section(table, "faults", e.faults));
  SHOAL_TRY_STATUS(read_section(table, "mixing", e.mixing));
  SHOAL_TRY_STATUS(read_section(table, "validation", e.validation));
  SHOAL_TRY_STATUS(read_section(table, "report", e.report));
  Table codec_rest, rule_rest, attack_rest;
  SHOAL_TRY_STATUS(split_use(table, "codec", e.feedback, codec_rest));
  SHOAL_TRY_STATUS(take_shift_codec(codec_rest, e.feedback));
  SHOAL_TRY_STATUS(split_use(table, "rule", e.rule_use, rule_rest));
  SHOAL_TRY_STATUS(resolve_kind(table, "data", data_sources(), false, e.data));
  SHOAL_TRY_STATUS(resolve_kind(table, "partition", partitioners(), false, e.partition));
  SHOAL_TRY_STATUS(resolve_kind(table, "model", models(), false, e.model));
  SHOAL_TRY_STATUS(resolve_kind(table, "topology", topologies(), true, e.topology));
  SHOAL_TRY_STATUS(resolve_kind(table, "method", methods(), false, e.method));
  if (!is_none(codec_rest)) {
    SHOAL_TRY(e.codec, resolve_codec(codec_rest, "[codec]"));
  }
  if (!rule_rest.empty()) {
    SHOAL_TRY(e.rule, resolve_pipeline(rule_rest, "[rule]"));
  }
  SHOAL_TRY_STATUS(read_accordion(table, e.accordion));
  SHOAL_TRY_STATUS(split_use(table, "attack", e.attack_use, attack_rest));
  if (!is_none(attack_rest)) {
    SHOAL_TRY(e.attack, attacks().resolve(attack_rest, "[attack]"));
  }
  SHOAL_TRY_STATUS(check_numbers(e));
  return e;
}

Table Experiment::table() const {
  Table all = write_settings(general);
  const auto put = [&](const char* name, const Table& table) {
    if (!table.empty()) all.set(name, table);
  };
  put("data", data);
  put("partition", partition);
  put("model", model);
  put("nodes", write_settings(nodes));
  put("network", write_settings(network));
  put("faults", write_settings(faults));
  put("topology", topology);
  if (!topology.empty()) put("mixing", write_settings(mixing));
  put("method", method);
  Table codec_all = codec;
  if (!codec.empty()) merge(codec_all, write_settings(feedback));
  if (!codec.empty() && !feedback.shift_codec.empty())
    codec_all.set(kShiftCodec, feedback.shift_codec);
  put("codec", codec_all);
  if (accordion.any()) {
    Table accordion_all = write_settings(accordion);
    if (!accordion.hard.empty()) accordion_all.set(kHard, accordion.hard);
    put("accordion", accordion_all);
  }
  Table rule_all = rule;
  if (!rule.empty()) merge(rule_all, write_settings(rule_use));
  put("rule", rule_all);
  Table attack_all = attack;
  if (!attack.empty()) merge(attack_all, write_settings(attack_use));
  put("attack", attack_all);
  if (validation.rows > 0) put("validation", write_settings(validation));
  put("report", write_settings(report));
  return all;
}

std::string Experiment::method_kind() const { return *method.find("kind")->as<std::string>(); }

Result<std::vector<Experiment>> read_experiments(const Table& file,
                                                 const std::vector<std::string>& overrides) {
  Table base = file;
  std::vector<Table> changes;
  if (const Value* runs = file.find("run")) {
    const auto* list = runs->as<Value::List>();
    if (!list) return invalid_argument("'run' must be written as [[run]], one table a run");
    for (const Value& entry : *list) {
      const Table* table = entry.as<Table>();
      if (!table || !table->find("name"))
        return invalid_argument(fmt::format("line {}: every [[run]] needs a name", entry.line));
      changes.push_back(*table);
    }
    base.erase("run");
  } else {
    changes.emplace_back();
  }
  std::vector<Experiment> experiments;
  std::set<std::string> names;
  for (const Table& change : changes) {
    Table table = with_changes(base, change);
    for (const std::string& text : overrides) SHOAL_TRY_STATUS(apply_override(table, text));
    auto experiment = resolve_experiment(table);
    if (!experiment.ok() && changes.size() > 1) {
      const auto* name = change.find("name")->as<std::string>();
      return within(fmt::format("run '{}'", name ? *name : "?"), experiment.error());
    }
    if (!experiment.ok()) return experiment.error();
    if (!names.insert(experiment->general.name).second)
      return invalid_argument(
          fmt::format("two runs are named '{}'; each needs a folder", experiment->general.name));
    experiments.push_back(std::move(experiment).value());
  }
  return experiments;
}

Result<std::vector<Experiment>> read_experiment_file(const std::string& path,
                                                     const std::vector<std::string>& overrides) {
  SHOAL_TRY(const std::string text, read_text_file(path, std::uint64_t{1} << 20));
  auto table = parse_toml(text);
  if (!table.ok()) return within(path, table.error());
  if (!table->find("name") && !table->find("run"))
    table->set("name", std::filesystem::path(path).stem().string());
  auto experiments = read_experiments(*table, overrides);
  if (!experiments.ok()) return within(path, experiments.error());
  return experiments;
}

}  // namespace shoal
