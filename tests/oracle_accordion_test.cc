// Accordion in runs of all_reduce_sgd on real digits: what is the static run must be it to the bit.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/test_runs.h"

namespace shoal {
namespace {

// 8 epochs of 4 steps.
std::string digits(const std::string& method, const std::string& more) {
  return fmt::format(
      "name = \"accordion\"\nseed = 2\n[data]\nkind = \"fcube\"\ntrain_rows = 256\ntest_rows = 20\n"
      "[partition]\nkind = \"iid\"\n[model]\nkind = \"mlp\"\nhidden = [12, 9]\n[nodes]\n"
      "count = 4\n[method]\nkind = \"all_reduce_sgd\"\nsteps = 32\nbatch = 16\n"
      "learning_rate = 0.2\n{}{}",
      method, more);
}
Outcome run(const std::string& method, const std::string& more) {
  return outcome_of(experiment_of(digits(method, more)));
}
double last_figure(const Outcome& outcome, const std::string& name, std::size_t line) {
  const std::string& text = outcome.lines.at(line);
  const std::size_t at = text.find("\"" + name + "\":");
  return at == std::string::npos ? -1.0 : std::stod(text.substr(at + name.size() + 3));
}

const std::string kMild = "[codec]\nkind = \"top_k\"\nratio = 0.3\nfeedback = \"ef\"\n";
std::string accordion(const char* hard, const std::string& more) {
  const char* interval = more.find("interval") == std::string::npos ? "interval = 2\n" : "";
  return fmt::format("[accordion]\n{}hard = {}\n{}", interval, hard, more);
}
const char* kHard = "{ kind = \"top_k\", ratio = 0.01 }";

TEST(AccordionOracle, AlwaysMildIsTheStaticRun) {
  const Outcome mild = run("", kMild);
  const Outcome same =
      run("", kMild + accordion(kHard, "eta = 0.0\nnorm_source = \"reduced_gradient\"\n"));
  EXPECT_EQ(mild.bytes_sent, same.bytes_sent);
  EXPECT_TRUE(same_bits(mild.models, same.models));
}

TEST(AccordionOracle, OneCodecAtBothLevelsIsTheStaticRun) {
  const Outcome mild = run("", kMild);
  const Outcome same =
      run("", kMild + accordion("{ kind = \"top_k\", ratio = 0.3 }",
                                "eta = 1e9\nnorm_source = \"reduced_gradient\"\n"));
  EXPECT_EQ(mild.bytes_sent, same.bytes_sent);
  EXPECT_TRUE(same_bits(mild.models, same.models));
}

// Epochs end with steps 3, 7, ...; checks are due with 3 (mild), 11 and 19.
TEST(AccordionOracle, HardFromTheSecondCheckOn) {
  for (const char* source : {"worker0", "mean_of_workers", "reduced_gradient"}) {
    const Outcome outcome =
        run("", kMild + accordion(kHard, fmt::format("eta = 1e9\nnorm_source = \"{}\"\n", source)));
    EXPECT_EQ(last_figure(outcome, "hard_layers", 11), 0.0) << source;
    EXPECT_EQ(last_figure(outcome, "hard_layers", 12), 3.0) << source;
    EXPECT_EQ(last_figure(outcome, "hard_layers", 31), 3.0) << source;
    EXPECT_LT(outcome.bytes_sent, run("", kMild).bytes_sent);
  }
}

TEST(AccordionOracle, ADropOfTheRateIsMildAtOnce) {
  const Outcome outcome =
      run("schedule = \"cut\"\ncut_at = 0.75\n", kMild + accordion(kHard, "eta = 1e9\n"));
  EXPECT_EQ(last_figure(outcome, "hard_layers", 23), 3.0);
  EXPECT_EQ(last_figure(outcome, "hard_layers", 24), 0.0);  // 0.75 * 32
  EXPECT_EQ(last_figure(outcome, "hard_layers", 27), 0.0);  // the next check is due with step 27
  EXPECT_EQ(last_figure(outcome, "hard_layers", 28), 3.0);
}

TEST(AccordionOracle, PowerSgdChangesItsRank) {
  const std::string mild = "[codec]\nkind = \"powersgd\"\nrank = 2\nfeedback = \"ef\"\n";
  const char* hard = "{ kind = \"powersgd\", rank = 1 }";
  const Outcome kept = run("", mild + accordion(hard, "eta = 1e9\n"));
  const Outcome redrawn = run("", mild + accordion(hard, "eta = 1e9\nswitch_state = \"redraw\"\n"));
  EXPECT_LT(kept.bytes_sent, run("", mild).bytes_sent);
  EXPECT_EQ(kept.bytes_sent, redrawn.bytes_sent);
  EXPECT_FALSE(same_bits(kept.models, redrawn.models));
  for (const auto& [node, x] : kept.models) EXPECT_EQ(x, kept.models.at(0)) << node;
}

// 32 steps of 16 rows are 4 epochs of 4 steps, and then steps of 32 rows for the other half.
TEST(AccordionOracle, ALargerBatchLooksAtTheSameRows) {
  const Outcome small = run("", "");
  const Outcome grown = run("", "[accordion]\nlarge_batch = 32\ninterval = 2\neta = 1e9\n");
  EXPECT_EQ(small.lines.size(), 32u);
  EXPECT_EQ(last_figure(grown, "batch", 11), 16.0);
  EXPECT_EQ(last_figure(grown, "batch", 12), 32.0);
  EXPECT_EQ(grown.lines.size(), 12u + 10u);
  EXPECT_EQ(small.gradients, grown.gradients);
}

TEST(AccordionOracle, TheControlDrawsItsLevels) {
  const auto hard_share = [](double mild) {
    const Outcome outcome =
        run("", kMild + accordion(kHard, fmt::format("interval = 1\ncontrol_share = {}\n", mild)));
    double hard = 0.0;
    for (std::size_t line = 4; line < 32; ++line)
      hard += last_figure(outcome, "hard_layers", line) / (28.0 * 3.0);
    return hard;
  };
  EXPECT_EQ(hard_share(1.0), 0.0);
  EXPECT_NEAR(hard_share(0.0), 1.0, 1e-12);
  EXPECT_GT(hard_share(0.5), 0.1);
  EXPECT_LT(hard_share(0.5), 0.9);
}

TEST(AccordionOracle, Refusals) {
  EXPECT_NE(refusal(digits("", accordion(kHard, ""))).find("needs a [codec]"), std::string::npos);
  EXPECT_NE(refusal(digits("", kMild + "[accordion]\ninterval = 2\n")).find("one of the two"),
            std::string::npos);
  EXPECT_NE(refusal(digits("", "[codec]\nkind = \"top_k\"\nratio = 0.3\nfeedback = \"ef21\"\n" +
                                   accordion(kHard, "")))
                .find("shifts"),
            std::string::npos);
  EXPECT_NE(refusal(digits("", "[accordion]\nlarge_batch = 16\n")).find("not above"),
            std::string::npos);
}

}  // namespace
}  // namespace shoal
