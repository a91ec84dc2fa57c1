// Every method with every attack, over the whole catalogues: a pair runs to its end with finite
// models of the honest, or ends early as its method documents, or is refused by a sentence that
// names what to change.
#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <map>
#include <regex>
#include <set>

#include "shoal/attack/local_attack.h"

#include "tests/test_runs.h"

namespace shoal {
namespace {

constexpr std::size_t kWorkers = 7;
constexpr Step kSteps = 3;

// What kinds need beside their name, so that as many attacks as possible go with them: rows of
// everybody's own, and values that no code rounds.
const std::map<std::string, std::string> kMethods{
    {"all_reduce_sgd", "collective = \"gather\"\n"},
    {"local_sgd", "collective = \"gather\"\nperiod = 1\n"},
    {"local_adaalter", "collective = \"gather\"\nperiod = 1\n"},
    {"cser", "collective = \"gather\"\nperiod = 2\nreset_ratio = 1\n"},
    {"choco", "consensus_step = 0.3\n"},
    {"one_byte", "samples = 6\ncode = \"f32\"\n"},
    {"d2", "[mixing]\nlazy = true\n"},
    {"monna", "[rule]\nkind = \"nearest_neighbours\"\nfaults = 2\n"},
};
const std::map<std::string, std::string> kAttacks{
    {"mixture", "parts = [{ kind = \"sign_flip\" }, { kind = \"label_flip\" }]\n"},
    {"bit_flip", "dims = 5\n"},
    {"gambler", "servers = 2\nprobability = 0.3\nfactor = -3\n"},
    {"backdoor", "edge_rows = 20\nclean_rows = 60\n"},
};

enum class Place { kMessage, kTransit, kLocal };

Place place_of(const std::string& attack) {
  const std::string text = fmt::format("kind = \"{}\"\n{}", attack, setting_of(kAttacks, attack));
  const auto made = attacks().make(parse_toml(text).value(), "[attack]");
  SHOAL_CHECK(made.ok(), made.error().message);
  if (dynamic_cast<const TransitAttack*>(made->get())) return Place::kTransit;
  return dynamic_cast<const LocalAttack*>(made->get()) ? Place::kLocal : Place::kMessage;
}

bool needs_topology(const std::string& method) {
  Table table;
  table.set("kind", method);
  const auto made = methods().make(table, "[method]");
  SHOAL_CHECK(made.ok(), made.error().message);
  return (*made)->needs_topology();
}

// Three rounds or steps of logistic regression on the digits, two of seven workers lying.
std::string experiment(const CatalogueEntry<Method>& method, const std::string& attack,
                       Place place) {
  std::string length = "steps";
  for (const SettingInfo& setting : method.settings)
    if (setting.name == "rounds" || setting.name == "iterations" || setting.name == "arrivals")
      length = setting.name;
  std::string text = fmt::format(
      "name = \"attacks\"\nseed = 3\n[data]\nkind = \"digits\"\n[partition]\nkind = \"iid\"\n"
      "[model]\nkind = \"softmax\"\n[nodes]\ncount = {}\nliars = {}\n[attack]\nkind = \"{}\"\n{}",
      kWorkers, place == Place::kTransit || attack == "none" ? 0 : 2, attack,
      setting_of(kAttacks, attack));
  if (needs_topology(method.name))
    text += fmt::format("[topology]\nkind = \"{}\"\n",
                        method.name == "relaysgd" ? "chain" : "complete");
  return text + fmt::format("[method]\nkind = \"{}\"\nbatch = 16\n{} = {}\n{}", method.name, length,
                            kSteps, setting_of(kMethods, method.name));
}

// A refusal is a sentence with advice in it.
void expect_advice(const std::string& refused) {
  static const std::regex advice("\\b(use|set|leave|take|change|name|lower|raise)\\b");
  EXPECT_GE(refused.size(), 40u) << refused;
  EXPECT_TRUE(std::regex_search(refused, advice)) << refused;
}

// Whether a node of the run said that it could not go on, or none got through a step.
bool ended_early(const Run& run) {
  if (run.result().lines.empty()) return true;
  for (const LedgerLine& line : run.result().lines)
    if (line.figure("abandoned") || line.figure("diverged")) return true;
  return false;
}

void expect_good_end(const Run& run) {
  const Assembly& a = run.assembly();
  const bool early = ended_early(run);
  EXPECT_TRUE(early || run.result().lines.back().round + 1 == kSteps);
  for (const auto& [node, model] : run.result().models) {
    ASSERT_EQ(model.size(), a.layout().size());
    if (early || (a.liars && a.method->servers() == 0 && a.liars->lies(node, kSteps - 1))) continue;
    for (const float value : model) ASSERT_TRUE(std::isfinite(value)) << "node " << node;
  }
}

// Empty when it ran, else why it was refused.
std::string try_pair(const std::string& text, ThreadPool& pool, bool& early) {
  const auto experiments = read_experiments(parse_toml(text).value(), {});
  if (!experiments.ok()) return experiments.error().message;
  const auto run = Run::create(experiments->front(), pool);
  if (!run.ok()) return run.error().message;
  const Status status = (*run)->go();
  EXPECT_TRUE(status.ok()) << status.error().message;
  expect_good_end(**run);
  early = ended_early(**run);
  return "";
}

std::vector<std::vector<float>> models_of(const std::string& text) {
  std::vector<std::vector<float>> models;
  for (const auto& [node, model] : outcome_of(experiment_of(text)).models) models.push_back(model);
  return models;
}

// Before its first round an attack is as if it were not there, to the bit, and after it is felt:
// on messages, on data, and on the steps themselves.
TEST(AttackMatrix, AttacksBeginInEveryMethod) {
  for (const auto& method : methods().entries())
    for (const std::string attack : {"sign_flip", "label_flip", "unreliable"}) {
      SCOPED_TRACE(method.name + " under " + attack);
      const auto with = [&](const std::string& more) {
        std::string text = experiment(method, attack, place_of(attack));
        const std::string kind = fmt::format("kind = \"{}\"\n", attack);
        return models_of(text.replace(text.find(kind), kind.size(), kind + more));
      };
      const auto honest = models_of(experiment(method, "none", Place::kMessage));
      EXPECT_EQ(with("from_round = 100\n"), honest);
      EXPECT_NE(with("from_round = 0\n"), honest);
      // Liars that lie now and then train on their own rows in between.
      EXPECT_NE(with("from_round = 0\nevery = 2\n"), honest);
    }
}

// Who cannot go on without a message of each other worker that it can read (difference_gossip.h,
// reduction.h): with some attacks these end early, and say so.
const std::set<std::string> kEndEarly{"choco",     "decentralized_diana", "all_reduce_sgd",
                                      "local_sgd", "local_adaalter",      "cser"};

TEST(AttackMatrix, EveryPairRunsOrSaysWhatToChange) {
  ThreadPool pool(1);
  std::map<std::string, std::size_t> runs;  // of each method and of each attack
  std::size_t ran = 0, early_ends = 0, refusals = 0;
  for (const auto& method : methods().entries())
    for (const auto& attack : attacks().entries()) {
      const std::string pair = method.name + " under " + attack.name;
      SCOPED_TRACE(pair);
      bool early = false;
      const std::string text = experiment(method, attack.name, place_of(attack.name));
      const std::string refused = try_pair(text, pool, early);
      if (!refused.empty()) {
        ++refusals;
        expect_advice(refused);
        fmt::print("{}: {}\n", pair, refused);
        continue;
      }
      ++ran;
      ++runs["attack " + attack.name];
      if (attack.name != "none") ++runs["method " + method.name];
      if (!early) continue;
      ++early_ends;
      EXPECT_TRUE(kEndEarly.contains(method.name));
      fmt::print("{}: ends early\n", pair);
    }
  fmt::print("{} pairs ran, {} of them ended early, {} were refused\n", ran, early_ends, refusals);
  for (const auto& attack : attacks().entries())
    EXPECT_GT(runs["attack " + attack.name], 0u) << attack.name;
  for (const auto& method : methods().entries())
    EXPECT_GT(runs["method " + method.name], 0u) << method.name;
}

}  // namespace
}  // namespace shoal
