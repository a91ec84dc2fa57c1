// All-reduce SGD over every way that rows can meet (shoal/method/reduction.h), against one another.
#include <cmath>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/test_runs.h"

namespace shoal {
namespace {

constexpr std::size_t kWorkers = 6;
constexpr std::size_t kDimension = 40;

std::string quadratics(const std::string& method, const std::string& more) {
  return fmt::format(
      "name = \"reduction\"\nseed = 3\n[data]\nkind = \"random_quadratics\"\nnodes = {}\n"
      "dimension = {}\n[partition]\nkind = \"users\"\n[model]\nkind = \"quadratic\"\n"
      "initial_scale = 1.0\n[nodes]\ncount = {}\n[report]\nlinks = true\n[method]\n"
      "kind = \"all_reduce_sgd\"\nsteps = 30\nbatch = 0\nlearning_rate = 0.05\n{}{}",
      kWorkers, kDimension, kWorkers, method, more);
}
Outcome run(const std::string& method, const std::string& more) {
  return outcome_of(experiment_of(quadratics(method, more)));
}

double largest_gap(const Outcome& a, const Outcome& b) {
  double gap = 0.0;
  for (const auto& [node, x] : a.models)
    for (std::size_t i = 0; i < x.size(); ++i)
      gap = std::max(gap, std::abs(static_cast<double>(x[i]) - b.models.at(node)[i]));
  return gap;
}
void expect_replicas_equal(const Outcome& outcome) {
  ASSERT_EQ(outcome.models.size(), kWorkers);
  for (const auto& [node, x] : outcome.models) EXPECT_EQ(x, outcome.models.at(0)) << node;
}

const std::string kGrbs =
    "[codec]\nkind = \"grbs\"\ncompression_ratio = 4\nblocks = 10\nfeedback = \"ef\"\n";

TEST(ReductionOracle, WaysOfTheSameMeanAgree) {
  const Outcome ring = run("", "");
  for (const char* other : {"collective = \"binomial\"\n", "collective = \"gather\"\n",
                            "[codec]\nkind = \"top_k\"\nratio = 1.0\n",
                            "[codec]\nkind = \"grbs\"\ncompression_ratio = 1\n",
                            "[codec]\nkind = \"top_k\"\nratio = 1.0\nfeedback = \"ef21\"\n",
                            "[rule]\nkind = \"mean\"\n"}) {
    SCOPED_TRACE(other);
    const Outcome outcome = run(other, "");
    EXPECT_LT(largest_gap(ring, outcome), 1e-5);
    expect_replicas_equal(outcome);
  }
}

TEST(ReductionOracle, SummingKeptValuesIsGatheringThem) {
  const Outcome summed = run("", kGrbs);
  const Outcome gathered = run("collective = \"gather\"\n", kGrbs);
  EXPECT_LT(largest_gap(summed, gathered), 1e-5);
  EXPECT_GT(largest_gap(summed, run("", "")), 1e-3);  // it does drop entries
  expect_replicas_equal(summed);
}

// Two blocks of ten are kept of forty entries: 8 floats. A worker sends 2 (p - 1) messages of
// frame and part (32 bytes), and 2 (p - 1)/p of the floats.
TEST(ReductionOracle, OnlyKeptValuesAreSent) {
  const Outcome summed = run("", kGrbs);
  const std::size_t kept = 12;  // round(10 / 4) = 3 blocks of 4
  const std::size_t a_step = kWorkers * 2 * (kWorkers - 1) * 32 + 2 * (kWorkers - 1) * kept * 4;
  EXPECT_EQ(summed.bytes_sent, 30 * a_step);
}

// All end with equal replicas. Those with a shift end at the optimum, as dense SGD does; the others
// stay a floor away from it.
TEST(ReductionOracle, EveryFeedbackKeepsReplicasEqual) {
  const auto longer = [](const std::string& codec) {
    std::string toml = quadratics("", codec);
    toml.replace(toml.find("steps = 30"), 10, "steps = 900");
    return outcome_of(experiment_of(toml));
  };
  const std::string top_k = "[codec]\nkind = \"top_k\"\nratio = 0.25\n";
  const Outcome dense = longer("");
  for (const auto& [codec, gap_max] : std::vector<std::pair<std::string, double>>{
           {top_k + "feedback = \"ef\"\n", 0.3},
           {top_k + "feedback = \"ef21\"\n", 1e-4},
           {top_k + "feedback = \"econtrol\"\n", 1e-4},
           {top_k + "feedback = \"ef21\"\nh_init = \"zero\"\n", 1e-4},
           {top_k + "feedback = \"ef_phase\"\nphase = 30\n", 1e-4},
           {top_k + "feedback = \"ef_diana\"\nshift_codec = \"natural\"\n", 1e-4},
           {"[codec]\nkind = \"rand_k\"\nratio = 0.5\nfeedback = \"diana\"\n", 1e-4},
           {"[codec]\nkind = \"grbs\"\ncompression_ratio = 4\nblocks = 10\n"
            "feedback = \"ef21\"\nh_init = \"zero\"\n",
            1e-4},
           {"[codec]\nkind = \"sign\"\nfeedback = \"ef\"\n", 0.3},
           {"[codec]\nkind = \"qsgd\"\n", 0.3}}) {
    SCOPED_TRACE(codec);
    const Outcome outcome = longer(codec);
    expect_replicas_equal(outcome);
    EXPECT_LT(largest_gap(dense, outcome), gap_max);
  }
}

// In double a codec's wire is still float, and feedback makes up for that too: the distance to
// dense SGD is far below what float holds.
// Errors differ by worker and their mean does not, so neither does the run.
TEST(ReductionOracle, BothErrorFormsOfPowerSgdAreOneRun) {
  const auto after = [](int steps, const char* form) {
    return outcome_of(experiment_of(fmt::format(
        "name = \"forms\"\nseed = 3\n[data]\nkind = \"fcube\"\ntrain_rows = 240\n"
        "test_rows = 20\n[partition]\nkind = \"iid\"\n[model]\nkind = \"mlp\"\n"
        "hidden = [12, 9]\n[nodes]\ncount = {}\n[method]\nkind = \"all_reduce_sgd\"\n"
        "steps = {}\nbatch = 8\nlearning_rate = 0.2\noptimizer = \"nesterov\"\n[codec]\n"
        "kind = \"powersgd\"\nrank = 1\nfeedback = \"ef\"\nerror_form = \"{}\"\n",
        kWorkers, steps, form)));
  };
  EXPECT_LT(largest_gap(after(1, "aggregate"), after(1, "local")), 1e-6);
  const Outcome aggregate = after(25, "aggregate"), local = after(25, "local");
  EXPECT_LT(largest_gap(aggregate, local), 1e-4);
  expect_replicas_equal(aggregate);
  expect_replicas_equal(local);
}

TEST(ReductionOracle, DoubleStateOverAFloatWire) {
  const auto in_double = [](const std::string& codec) {
    std::string toml = "precision = \"double\"\n" + quadratics("", codec);
    toml.replace(toml.find("steps = 30"), 10, "steps = 3000");
    return outcome_of(experiment_of(toml));
  };
  const Outcome dense = in_double("");
  const std::string top_k = "[codec]\nkind = \"top_k\"\nratio = 0.25\n";
  for (const std::string& feedback :
       {std::string("feedback = \"ef21\"\n"), std::string("feedback = \"econtrol\"\n"),
        std::string("feedback = \"ef_phase\"\nphase = 30\n"),
        std::string("feedback = \"ef_diana\"\nshift_codec = \"natural\"\n")}) {
    SCOPED_TRACE(feedback);
    const Outcome outcome = in_double(top_k + feedback);
    ASSERT_EQ(outcome.models_double.size(), kWorkers);
    double gap = 0.0;
    for (const auto& [node, x] : outcome.models_double) {
      EXPECT_EQ(x, outcome.models_double.at(0));
      for (std::size_t i = 0; i < x.size(); ++i)
        gap = std::max(gap, std::abs(x[i] - dense.models_double.at(node)[i]));
    }
    EXPECT_LT(gap, 1e-11);
  }
}

TEST(ReductionOracle, ARuleSeesEveryRow) {
  const Outcome median = run("", "[rule]\nkind = \"coordinate_median\"\n");
  expect_replicas_equal(median);
  EXPECT_GT(largest_gap(median, run("", "")), 1e-3);
}

TEST(ReductionOracle, RefusesWhatCannotBeSummed) {
  const std::string top_k = "[codec]\nkind = \"top_k\"\nratio = 0.1\n";
  EXPECT_NE(refusal(quadratics("collective = \"ring\"\n", top_k)).find("cannot be summed"),
            std::string::npos);
  EXPECT_NE(refusal(quadratics("collective = \"ring\"\n", "[rule]\nkind = \"coordinate_median\"\n"))
                .find("a rule must see each"),
            std::string::npos);
  EXPECT_NE(refusal(quadratics("collective = \"ring\"\n",
                               "[codec]\nkind = \"grbs\"\nfeedback = \"ef21\"\n"))
                .find("h_init"),
            std::string::npos);
  EXPECT_NE(refusal(quadratics("",
                               "[codec]\nkind = \"top_k\"\nratio = 0.1\nfeedback = \"ef21\"\n"
                               "[rule]\nkind = \"coordinate_median\"\n"))
                .find("every sender's own row"),
            std::string::npos);
}

}  // namespace
}  // namespace shoal
