#include "shoal/run/experiment.h"

#include <gtest/gtest.h>

#include "shoal/base/toml.h"

namespace shoal {
namespace {

const char* const kBase = R"(
name = "base"
seed = 3
[data]
kind = "scalar_quadratics"
[partition]
kind = "users"
[model]
kind = "quadratic"
[nodes]
count = 20
[method]
kind = "fedavg"
rounds = 5
)";

std::string error_of(const std::string& toml, const std::vector<std::string>& set = {}) {
  const auto table = parse_toml(toml);
  if (!table.ok()) return table.error().message;
  const auto experiments = read_experiments(*table, set);
  return experiments.ok() ? "" : experiments.error().message;
}
std::vector<Experiment> read(const std::string& toml, const std::vector<std::string>& set = {}) {
  return read_experiments(parse_toml(toml).value(), set).value();
}
std::string base_and(const std::string& more) { return kBase + more; }

void expect_error(const std::string& toml, const std::vector<std::string>& parts) {
  const std::string text = error_of(toml);
  for (const std::string& part : parts)
    EXPECT_NE(text.find(part), std::string::npos) << "'" << text << "' lacks '" << part << "'";
}

TEST(Experiment, MisspeltSettingsNameTheNearest) {
  expect_error(base_and("[codec]\nkind = \"top_k\"\nration = 0.1\n"),
               {"line 17: unknown setting 'ration' in [codec]; did you mean 'ratio'?"});
  expect_error(base_and("learning_rte = 0.1\n"),
               {"unknown setting 'learning_rte' in [method]; did you mean 'learning_rate'?"});
  expect_error(base_and("[netwrk]\nlatency_s = 1.0\n"),
               {"unknown section 'netwrk'", "did you mean 'network'?"});
  expect_error("sed = 4\n" + std::string(kBase), {"line 1", "'sed'", "did you mean 'seed'?"});
  expect_error(base_and("[nodes.speed]\nx = 1\n"), {"'speed' in [nodes]"});
}

TEST(Experiment, WrongKindsNameTheNearest) {
  expect_error(base_and("[codec]\nkind = \"topk\"\n"),
               {"[codec]", "unknown codec 'topk'; did you mean 'top_k'?"});
  expect_error(base_and("[rule]\nkind = \"trimed_mean\"\n"),
               {"unknown rule 'trimed_mean'; did you mean 'trimmed_mean'?"});
  expect_error(base_and("[codec]\nratio = 0.1\n"), {"[codec] needs kind"});
  expect_error(base_and("[attack]\nkind = 3\n"), {"[attack]"});
}

TEST(Experiment, WrongTypesAndRanges) {
  expect_error(base_and("learning_rate = \"fast\"\n"),
               {"learning_rate in [method] is a text; it must be a number"});
  expect_error(base_and("learning_rate = 0.0\n"), {"learning_rate", "> 0"});
  expect_error(base_and("[faults]\nloss = 1.5\n"), {"loss", "< 1"});
  expect_error(base_and("batch = 0\n"), {"batch", ">= 1"});
  expect_error(base_and("batch = 1.5\n"), {"batch", "integer"});
  expect_error("codec = 3\n" + std::string(kBase), {"'codec' is", "section [codec]"});
  expect_error("patience_s = nan\n" + std::string(kBase), {"patience_s"});
}

TEST(Experiment, NumbersThatDoNotFit) {
  std::string text = kBase;
  text.replace(text.find("count = 20"), 10, "count = 20\nliars = 21");
  expect_error(text, {"21 liars among 20 nodes"});
  text.replace(text.find("liars = 21"), 10, "liars = 2");
  expect_error(text, {"2 liars and there is no [attack]"});
  EXPECT_EQ(error_of(text + "[attack]\nkind = \"sign_flip\"\n"), "");
  text = kBase;
  text.replace(text.find("name = \"base\""), 13, "name = \"../up\"");
  expect_error(text, {"name = \"../up\"", "letters"});
}

TEST(Experiment, RunsLayTheirChangesOnTop) {
  const auto runs = read(base_and(R"(
[codec]
kind = "top_k"
ratio = 0.1
feedback = "ef"
[[run]]
name = "a"
[[run]]
name = "b"
seed = 9
method.rounds = 7
[[run]]
name = "same-kind"
codec = { kind = "top_k", scope = "global" }
[[run]]
name = "other-kind"
codec = { kind = "dense" }
[[run]]
name = "no-codec"
codec = { kind = "none" }
)"));
  ASSERT_EQ(runs.size(), 5u);
  EXPECT_EQ(runs[0].general.name, "a");
  EXPECT_EQ(runs[0].general.seed, 3);
  EXPECT_EQ(*runs[0].codec.find("ratio")->as<double>(), 0.1);
  EXPECT_EQ(runs[0].feedback.kind, FeedbackKind::kEf);
  EXPECT_EQ(runs[1].general.seed, 9);
  EXPECT_EQ(*runs[1].method.find("rounds")->as<std::int64_t>(), 7);
  EXPECT_EQ(*runs[0].method.find("rounds")->as<std::int64_t>(), 5);
  // The same kind: the old settings stay below the new ones. Another kind: nothing stays.
  EXPECT_EQ(*runs[2].codec.find("ratio")->as<double>(), 0.1);
  EXPECT_EQ(*runs[2].codec.find("scope")->as<std::string>(), "global");
  EXPECT_EQ(runs[3].codec.find("ratio"), nullptr);
  EXPECT_EQ(runs[3].feedback.kind, FeedbackKind::kNone);
  EXPECT_TRUE(runs[4].codec.empty());
}

TEST(Experiment, RunsNeedNamesOfTheirOwn) {
  expect_error(base_and("[[run]]\nseed = 1\n"), {"every [[run]] needs a name"});
  expect_error(base_and("[[run]]\nname = \"a\"\n[[run]]\nname = \"a\"\n"),
               {"two runs are named 'a'"});
  expect_error(base_and("[[run]]\nname = \"a\"\n[[run]]\nname = \"b\"\ncodec.kind = \"x\"\n"),
               {"run 'b': ", "unknown codec 'x'"});
  expect_error(base_and("[run]\nname = \"a\"\n"), {"[[run]]"});
}

TEST(Experiment, SetOverridesEveryRun) {
  const std::string two = base_and("[[run]]\nname = \"a\"\nseed = 5\n[[run]]\nname = \"b\"\n");
  for (const Experiment& run : read(two, {"seed=7", "method.rounds=2", "faults.loss=0.25"})) {
    EXPECT_EQ(run.general.seed, 7);
    EXPECT_EQ(*run.method.find("rounds")->as<std::int64_t>(), 2);
    EXPECT_EQ(run.faults.loss, 0.25);
  }
  EXPECT_EQ(*read(kBase, {"codec.kind=top_k", "codec.k=3"})[0].codec.find("k")->as<std::int64_t>(),
            3);
  EXPECT_NE(error_of(kBase, {"seed"}).find("--set seed: write it as path=value"),
            std::string::npos);
  EXPECT_NE(error_of(kBase, {"method.round=2"}).find("did you mean 'rounds'?"), std::string::npos);
}

// The resolved file reads back as the same experiment, with every default written out.
TEST(Experiment, ResolvedReadsBackAsItself) {
  const std::string full = base_and(R"(
normalise = true
[topology]
kind = "ring"
[mixing]
lazy = true
[codec]
kind = "top_k"
ratio = 0.3
feedback = "ef"
values = { kind = "qsgd", levels = 63 }
[rule]
kind = "trimmed_mean"
before = ["nnm"]
faults = 2
[attack]
kind = "little_is_enough"
[faults]
loss = 0.1
[network]
jitter_s = 0.01
)");
  for (const std::string& toml : {std::string(kBase), full}) {
    const Experiment experiment = read(toml)[0];
    const std::string resolved = write_toml(experiment.table());
    EXPECT_NE(resolved.find("latency_s = 0.01"), std::string::npos) << resolved;
    const auto again = resolve_experiment(parse_toml(resolved).value());
    ASSERT_TRUE(again.ok()) << again.error().message;
    EXPECT_EQ(write_toml(again->table()), resolved);
    EXPECT_EQ(again->rule_use.faults, experiment.rule_use.faults);
    EXPECT_EQ(again->feedback.kind, experiment.feedback.kind);
  }
}

TEST(Experiment, ACodecOfValuesIsResolvedToo) {
  const std::string codec = "\n[codec]\nkind = \"top_k\"\nratio = 0.3\nvalues = ";
  const Experiment experiment = read(kBase + codec + "\"qsgd\"\n")[0];
  const Table* values = experiment.codec.find("values")->as<Table>();
  ASSERT_NE(values, nullptr);
  EXPECT_NE(values->find("bucket"), nullptr);
  expect_error(kBase + codec + "\"qsdg\"\n", {"[codec] values", "did you mean 'qsgd'"});
  expect_error(kBase + std::string("\n[codec]\nkind = \"sign\"\nvalues = \"qsgd\"\n"),
               {"sign sends every entry itself"});
}

TEST(Experiment, MissingSectionsAreNamed) {
  expect_error("name = \"x\"\n", {"[data] needs kind"});
  expect_error("", {"[data]"});
}

}  // namespace
}  // namespace shoal
