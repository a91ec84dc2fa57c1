// Liars against rules: every attack on messages against every rule that promises resilience, with
// 10 to 50 workers and as many liars as the rule may be declared. All workers hold like data, so
// that theory leaves the rules no excuse: the loss must stay within 1.5 of what it is without
// liars. The plain mean under the same liars is the control: it must fail where a liar may say
// anything.
#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <map>

#include "shoal/attack/attack.h"
#include "shoal/rule/pipeline.h"

#include "tests/test_runs.h"

namespace shoal {
namespace {

constexpr double kFactorMax = 1.5;

// By name in the catalogue; with the settings that an attack needs to bite.
const std::map<std::string, std::string> kAttacks{
    {"sign_flip", "scale = 10.0\n"},
    {"gaussian_noise", "sigma = 200.0\n"},
    {"constant", ""},
    {"uniform", ""},
    {"zero", ""},
    {"not_finite", ""},
    {"omniscient", ""},
    {"negative_of_first", ""},
    {"inner_product", "scale = 5.0\n"},
    {"little_is_enough", "formula = false\nz = 1.5\n"},
    {"mimic", ""},
    {"stale_replay", "delay = 2\n"},
    {"min_max", ""},
    {"min_sum", ""},
};
// Those that end a plain mean, whatever their number.
const std::vector<std::string> kRuinous{"sign_flip", "gaussian_noise", "constant", "omniscient"};

const std::vector<std::string> kRules{
    "kind = \"coordinate_median\"",
    "kind = \"trimmed_mean\"",
    "kind = \"mean_around_median\"",
    "kind = \"phocas\"",
    "kind = \"geometric_median\"",
    "kind = \"krum\"",
    "kind = \"multi_krum\"",
    "kind = \"bulyan\"",
    "kind = \"caf\"",
    "kind = \"trimmed_mean\"\nbefore = [\"nnm\"]",
    "kind = \"geometric_median\"\nbefore = [\"bucketing\"]",
};

// Most liars that the rule may be declared among n rows.
std::size_t most_faults(const std::string& rule, std::size_t n) {
  const auto pipeline = make_pipeline(parse_toml(rule).value(), "[rule]").value();
  std::size_t f = n / 2;
  while (f > 0 && !pipeline->check(n, f).ok()) --f;
  return f;
}

std::string experiment(std::size_t n, std::uint64_t seed, const std::string& rule, std::size_t f,
                       const std::string& attack) {
  std::string text = fmt::format(
      "name = \"liars\"\nseed = {}\n[data]\nkind = \"synthetic_logistic\"\nrows = {}\nfeatures = "
      "5\n"
      "[partition]\nkind = \"iid\"\n[model]\nkind = \"logistic\"\n[method]\nkind = \"server_sgd\"\n"
      "rounds = 60\nbatch = 300\nserver_learning_rate = 0.5\n[report]\nevery = 60\n[rule]\n{}\n"
      "faults = {}\n[nodes]\ncount = {}\n",
      seed, 300 * n, rule, f, n);
  if (!attack.empty())
    text += fmt::format("liars = {}\n[attack]\nkind = \"{}\"\n{}", f, attack, kAttacks.at(attack));
  return text;
}

double test_loss(const std::string& toml, ThreadPool& pool) {
  const auto run = run_of(experiment_of(toml), pool);
  const Status status = run->go();
  EXPECT_TRUE(status.ok()) << status.error().message;
  const auto loss = final_figure(run->result().lines, "test_loss");
  return loss && std::isfinite(*loss) ? *loss : HUGE_VAL;
}

// Every message attack of the catalogue is in the table above, or is one of these.
TEST(LiarSwarm, KnowsEveryAttackOnMessages) {
  for (const auto& entry : attacks().entries()) {
    Table table;
    table.set("kind", entry.name);
    const auto attack = attacks().make(table, "[attack]");
    if (!attack.ok() || !dynamic_cast<const MessageAttack*>(attack->get())) continue;
    EXPECT_TRUE(kAttacks.contains(entry.name) || entry.name == "none") << entry.name;
  }
}

TEST(LiarSwarm, RulesStandWhereThePlainMeanFalls) {
  ThreadPool pool(1);
  RandomStream draws(1, purpose("liar swarm"));
  std::size_t runs = 0;
  for (const std::string& rule : kRules) {
    const std::size_t n = 10 + static_cast<std::size_t>(draws.below(41));
    const std::size_t f = most_faults(rule, n);
    ASSERT_GT(f, 0u) << rule;
    const std::uint64_t seed = draws.below(1000);
    const double clean = test_loss(experiment(n, seed, "kind = \"mean\"", 0, ""), pool);
    for (const auto& [attack, settings] : kAttacks) {
      SCOPED_TRACE(fmt::format("{} under {}, n = {}, f = {}", rule, attack, n, f));
      EXPECT_LE(test_loss(experiment(n, seed, rule, f, attack), pool), kFactorMax * clean);
      ++runs;
    }
    for (const std::string& attack : kRuinous)
      EXPECT_GT(test_loss(experiment(n, seed, "kind = \"mean\"", f, attack), pool),
                kFactorMax * clean)
          << "the plain mean under " << attack << ", n = " << n << ", f = " << f;
  }
  EXPECT_EQ(runs, kRules.size() * kAttacks.size());
}

}  // namespace
}  // namespace shoal
