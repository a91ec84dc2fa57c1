// Every method with every codec, with and without feedback, under every rule, over the whole
// catalogues: a triple either runs, with finite models that are equal where the method promises
// it, or is refused by a sentence that names what to change.
#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <map>
#include <regex>
#include <set>

#include "shoal/rule/rule.h"

#include "tests/test_runs.h"

namespace shoal {
namespace {

constexpr std::size_t kWorkers = 7;
constexpr const char* kNone = "none";

// What kinds need beside their name. A kind that is not here is taken with its defaults, and when
// those are refused everywhere, EveryKindRuns says so.
const std::map<std::string, std::string> kCodecs{
    {"dense", "value_type = \"f16\"\n"},
    {"top_k", "ratio = 0.3\n"},
    {"rand_k", "ratio = 0.5\nscaled = false\n"},
    {"threshold", "tau = 0.01\n"},
    {"random_block", "ratio = 0.5\nscaled = false\n"},
    {"grbs", "compression_ratio = 2\nblocks = 7\n"},
    {"qsgd", "levels = 15\n"},
    {"powersgd", "rank = 1\n"},
};
const std::map<std::string, std::string> kMethods{
    {"local_sgd", "period = 3\n"},
    {"local_adaalter", "period = 3\n"},
    {"cser", "period = 3\nreset_ratio = 2\n"},
    {"async_sgd", "trusted_batch = 16\n"},
    {"d2", "[mixing]\nlazy = true\n"},
};
// Rules whose settings or whose receiver's rows an experiment must name.
const std::map<std::string, std::string> kRules{
    {"zeno", "trim = 1\n"},
    {"mud_hog", "min_points = 3\n"},
};
constexpr const char* kValidation = "[validation]\nrows = 30\n";
// Methods that are nothing without a rule.
const std::set<std::string> kNeedRules{"monna"};
// After the last of three steps all workers hold the same bits.
const std::set<std::string> kEqualReplicas{"all_reduce_sgd", "local_sgd", "local_adaalter"};

struct Triple {
  std::string method, codec, rule;
  bool feedback = false;
  std::string name() const {
    return fmt::format("{} + {}{} + {}", method, codec, feedback ? " with ef" : "", rule);
  }
};

// Three rounds or steps of a small network on points of a cube.
std::string experiment(const CatalogueEntry<Method>& method, bool needs_topology,
                       const Triple& triple) {
  std::string length = "steps";
  for (const SettingInfo& setting : method.settings)
    if (setting.name == "rounds" || setting.name == "iterations" || setting.name == "arrivals")
      length = setting.name;
  std::string text = fmt::format(
      "name = \"matrix\"\nseed = 3\n[data]\nkind = \"fcube\"\n[partition]\nkind = \"iid\"\n"
      "[model]\nkind = \"mlp\"\nhidden = [8.0]\n[nodes]\ncount = {}\n[report]\nevery = 3\n",
      kWorkers);
  // A rule needs some neighbours to choose from; without one a chain is the harder graph.
  const bool mixes_by_rule = triple.rule != kNone && method.name != "relaysgd";
  if (needs_topology)
    text += fmt::format("[topology]\nkind = \"{}\"\n", mixes_by_rule ? "complete" : "chain");
  text += fmt::format("[method]\nkind = \"{}\"\nbatch = 4\n{} = 3\n{}", method.name, length,
                      setting_of(kMethods, method.name));
  if (triple.codec != kNone)
    text +=
        fmt::format("[codec]\nkind = \"{}\"\n{}{}", triple.codec, setting_of(kCodecs, triple.codec),
                    triple.feedback ? "feedback = \"ef\"\n" : "");
  if (triple.rule != kNone)
    text += fmt::format("[rule]\nkind = \"{}\"\nfaults = 1\n{}{}", triple.rule,
                        setting_of(kRules, triple.rule), kValidation);
  return text;
}

template <class T>
std::vector<std::string> kinds_and_none(const Catalogue<T>& catalogue) {
  std::vector<std::string> kinds{kNone};
  for (const auto& entry : catalogue.entries()) kinds.push_back(entry.name);
  return kinds;
}

// A refusal is a sentence with advice in it.
void expect_advice(const std::string& refused) {
  static const std::regex advice("\\b(use|set|leave|take|change|name|lower|raise)\\b");
  EXPECT_GE(refused.size(), 40u) << refused;
  EXPECT_TRUE(std::regex_search(refused, advice)) << refused;
}

void expect_good_end(const Run& run, const Triple& triple) {
  const auto& models = run.result().models;
  const std::size_t servers = run.assembly().method->servers();
  ASSERT_EQ(models.size(), servers > 0 ? servers : kWorkers);
  for (const auto& [node, model] : models) {
    ASSERT_EQ(model.size(), run.assembly().layout().size());
    for (const float value : model) ASSERT_TRUE(std::isfinite(value)) << "node " << node;
    if (kEqualReplicas.contains(triple.method)) {
      EXPECT_EQ(model, models.begin()->second) << "node " << node;
    }
  }
  EXPECT_EQ(run.result().lines.back().round, 2u);
  // It did train.
  EXPECT_NE(models.begin()->second, run.assembly().problem_float.initial);
}

struct Tally {
  std::size_t ran = 0;
  std::size_t refused = 0;
  std::map<std::string, std::size_t> runs_of;  // by method, codec or rule, none not counted
};

// Empty when it ran, else why it was refused.
std::string try_triple(const CatalogueEntry<Method>& method, const Triple& triple,
                       ThreadPool& pool) {
  Table table;
  table.set("kind", method.name);
  const auto made = methods().make(table, "[method]");
  SHOAL_CHECK(made.ok(), made.error().message);
  const auto text = parse_toml(experiment(method, (*made)->needs_topology(), triple));
  SHOAL_CHECK(text.ok(), text.error().message);
  const auto experiments = read_experiments(*text, {});
  if (!experiments.ok()) return experiments.error().message;
  const auto run = Run::create(experiments->front(), pool);
  if (!run.ok()) return run.error().message;
  const Status status = (*run)->go();
  EXPECT_TRUE(status.ok()) << status.error().message;
  expect_good_end(**run, triple);
  return "";
}

TEST(Matrix, EveryTripleRunsOrSaysWhatToChange) {
  ThreadPool pool(1);
  Tally tally;
  for (const auto& method : methods().entries())
    for (const std::string& codec : kinds_and_none(codecs()))
      for (const std::string& rule : kinds_and_none(rules()))
        for (const bool feedback : {false, true}) {
          if (feedback && codec == kNone) continue;
          const Triple triple{method.name, codec, rule, feedback};
          SCOPED_TRACE(triple.name());
          const std::string refused = try_triple(method, triple, pool);
          if (!refused.empty()) {
            ++tally.refused;
            expect_advice(refused);
            EXPECT_FALSE(codec == kNone && rule == kNone && !kNeedRules.contains(method.name))
                << refused;
            continue;
          }
          ++tally.ran;
          for (const std::string& kind :
               {"method " + method.name, "codec " + codec, "rule " + rule})
            ++tally.runs_of[kind];
        }
  fmt::print("{} triples ran, {} were refused\n", tally.ran, tally.refused);
  const auto expect_runs = [&](const char* what, const std::vector<std::string>& kinds) {
    for (const std::string& kind : kinds)
      EXPECT_GT(tally.runs_of[fmt::format("{} {}", what, kind)], 0u) << what << " " << kind;
  };
  std::vector<std::string> all_methods;
  for (const auto& entry : methods().entries()) all_methods.push_back(entry.name);
  expect_runs("method", all_methods);
  expect_runs("codec", kinds_and_none(codecs()));
  expect_runs("rule", kinds_and_none(rules()));
}

}  // namespace
}  // namespace shoal
