// Gossip with codecs: CHOCO-SGD against figures worked out by hand, casts in the other methods,
// what is refused and why, and what a lost message does.
#include <cmath>
#include <gtest/gtest.h>

#include "shoal/graph/davis.h"
#include "shoal/method/choco.h"

#include "tests/test_peers.h"

namespace shoal {
namespace {

std::string settings_of(const char* kind, int steps, double learning_rate, const char* more = "") {
  return "kind = \"" + std::string(kind) + "\"\nsteps = " + std::to_string(steps) +
         "\nlearning_rate = " + std::to_string(learning_rate) + "\nbatch = 0\n" + more;
}
std::string pushed(int steps, double consensus_step) {
  return "kind = \"choco\"\nsteps = " + std::to_string(steps) +
         "\nlearning_rate = 1.0\nbatch = 1\nconsensus_step = " + std::to_string(consensus_step) +
         "\n";
}

const std::vector<double> kCurvature = {0.5, 1.0, 1.5, 2.0, 0.75, 1.25, 1.75, 0.25};

// The first half step is X, and after it nothing pushes.
TEST(ChocoOracle, ConsensusByTheLargestEntry) {
  const Matrix start = {{4, 1}, {0, 2}, {2, 6}};
  const auto codec = codec_of("kind = \"top_k\"\nk = 1\n");
  const auto models =
      run_method(pushed(60, 0.5), pushed_problem({start}, 60), *ring(3), {}, {}, codec.get());
  const Matrix first = {{8.0 / 3, 7.0 / 3}, {2.0 / 3, 7.0 / 3}, {8.0 / 3, 13.0 / 3}};
  const Matrix second = {{17.0 / 9, 26.0 / 9}, {14.0 / 9, 55.0 / 18}, {23.0 / 9, 55.0 / 18}};
  EXPECT_LT(largest_gap(models.at(0), first), 1e-12);
  EXPECT_LT(largest_gap(models.at(1), second), 1e-7);  // values cross the wire as float32
  for (const auto& [step, x] : models)
    for (std::size_t k = 0; k < 2; ++k)
      EXPECT_NEAR((x[0][k] + x[1][k] + x[2][k]) / 3.0, k == 0 ? 2.0 : 3.0, 1e-12);
  EXPECT_LT(largest_gap(models.at(59), {{2, 3}, {2, 3}, {2, 3}}), 1e-6);
}

TEST(ChocoOracle, WithoutLossesAndAFullStepIsTheMatrix) {
  const Topology graph = *hypercube(8);
  const Matrix start = random_matrix(8, 5, 4);
  const auto models = run_method(pushed(10, 1.0), pushed_problem({start}, 10), graph);
  Matrix expected = start;
  for (Step step = 0; step < 10; ++step) {
    expected = multiply(dense_mixing(graph), expected);
    EXPECT_LT(largest_gap(models.at(step), expected), 1e-13) << "step " << step;
  }
}

TEST(ChocoOracle, StepOfTheTheory) {
  const double gap = 1.0 - (1.0 + std::sqrt(2.0)) / 3.0, width = 4.0 / 3.0;  // ring of 8
  EXPECT_NEAR(choco_consensus_step(gap, width, 1.0), 0.004054, 1e-6);
  EXPECT_NEAR(choco_consensus_step(gap, width, 0.1), 0.000353, 1e-6);
  EXPECT_NEAR(choco_consensus_step(gap, width, 0.01), 0.000035, 1e-6);
  // And it is what 0 stands for: after one step without losses x = half + gamma (W - I) half.
  const Matrix start = random_matrix(8, 3, 5);
  const auto models = run_method(pushed(1, 0.0), pushed_problem({start}, 1), *ring(8));
  const Matrix mixed = multiply(dense_mixing(*ring(8)), start);
  Matrix expected = start;
  for (std::size_t i = 0; i < 8; ++i)
    for (std::size_t k = 0; k < 3; ++k)
      expected[i][k] += choco_consensus_step(gap, width, 1.0) * (mixed[i][k] - start[i][k]);
  EXPECT_LT(largest_gap(models.at(0), expected), 1e-12);
}

// With the theory's step the consensus error shrinks at least by rho^2 delta / 82 a round.
TEST(ChocoOracle, TheTheoryBoundsTheConsensusError) {
  const Topology graph = *ring(8);
  const Matrix start = random_matrix(8, 20, 6);
  const auto codec = codec_of("kind = \"top_k\"\nratio = 0.1\n");
  const auto models =
      run_method(pushed(3000, 0.0), pushed_problem({start}, 3000), graph, {}, {}, codec.get());
  const auto error = [](const Matrix& x) {
    double sum = 0.0;
    for (std::size_t k = 0; k < x[0].size(); ++k) {
      double mean = 0.0;
      for (const auto& row : x) mean += row[k] / 8.0;
      for (const auto& row : x) sum += (row[k] - mean) * (row[k] - mean);
    }
    return sum;
  };
  const double rate = 1.0 - 0.195262 * 0.195262 * 0.1 / 82.0;
  // The bound is on models and copies together; the copies begin at 0, so ||start||^2 is added.
  double square = 0.0;
  for (const auto& row : start)
    for (const double value : row) square += value * value;
  EXPECT_LT(error(models.at(2999)), std::pow(rate, 3000.0) * (error(start) + square));
  EXPECT_LT(error(models.at(2999)), 0.5 * error(start));
}

// Of a run: the mean model moves by the mean gradient and by nothing else.
void expect_mean_follows_gradients(const std::map<Step, Matrix>& models, const Matrix& centres,
                                   const std::vector<double>& curvature, double learning_rate) {
  const std::size_t n = centres.size();
  for (Step step = 0; step + 1 < models.size(); ++step)
    for (std::size_t k = 0; k < centres[0].size(); ++k) {
      double before = 0.0, after = 0.0, gradient = 0.0;
      for (std::size_t i = 0; i < n; ++i) {
        before += models.at(step)[i][k];
        after += models.at(step + 1)[i][k];
        gradient += curvature[i] * (models.at(step)[i][k] - centres[i][k]);
      }
      ASSERT_NEAR(after, before - learning_rate * gradient, 1e-11) << "step " << step;
    }
}

TEST(CompressedGossip, TheMeanFollowsTheGradients) {
  const Matrix centres = random_matrix(8, 6, 7);
  const auto problem = quadratic_problem(centres, kCurvature, 0.3);
  const MixingSettings lazy{.lazy = true};
  const auto follows = [&](const std::string& method, const char* codec) {
    SCOPED_TRACE(method + codec);
    const auto made = codec_of(codec);
    const auto models = run_method(method, problem, *ring(8), lazy, {}, made.get());
    ASSERT_EQ(models.size(), 60u);
    expect_mean_follows_gradients(models, centres, kCurvature, 0.05);
  };
  const char* half = "kind = \"dense\"\nvalue_type = \"bf16\"\n";
  follows(settings_of("dpsgd", 60, 0.05), half);
  follows(settings_of("choco", 60, 0.05, "consensus_step = 0.2\n"),
          "kind = \"top_k\"\nk = 2\nvalue_type = \"f16\"\n");
  follows(settings_of("choco", 60, 0.05, "consensus_step = 0.1\n"), "kind = \"sign\"\n");
  follows(settings_of("decentralized_diana", 60, 0.05), "kind = \"rand_k\"\nk = 2\n");
  follows(settings_of("decentralized_diana", 60, 0.05), "kind = \"qsgd\"\n");
}

double distance_to(const Matrix& x, const std::vector<double>& optimum) {
  double worst = 0.0;
  for (const auto& row : x)
    for (std::size_t k = 0; k < optimum.size(); ++k)
      worst = std::max(worst, std::abs(row[k] - optimum[k]));
  return worst;
}

// Minimiser of the mean of curvature_i / 2 ||x - centre_i||^2.
std::vector<double> optimum_of(const Matrix& centres, const std::vector<double>& curvature) {
  std::vector<double> optimum(centres[0].size());
  double total = 0.0;
  for (const double c : curvature) total += c;
  for (std::size_t i = 0; i < centres.size(); ++i)
    for (std::size_t k = 0; k < optimum.size(); ++k)
      optimum[k] += curvature[i] * centres[i][k] / total;
  return optimum;
}

// Casts stay within a few roundings of the uncompressed runs' limits, for ever: nothing adds up.
TEST(CompressedGossip, CastsOnlyRound) {
  const Matrix centres = random_matrix(8, 6, 8);
  const auto problem = quadratic_problem(centres, kCurvature);
  const std::vector<double> optimum = optimum_of(centres, kCurvature);
  const auto cast = codec_of("kind = \"dense\"\nvalue_type = \"f16\"\n");
  const double rounding = 0x1p-11 * 3.0;  // of the largest entries
  const MixingSettings lazy{.lazy = true};
  const auto last = [&](const std::string& method, const Topology& graph, const Codec* codec) {
    return run_method(method, problem, graph, lazy, {}, codec).at(3999);
  };
  const std::string dpsgd = settings_of("dpsgd", 4000, 0.02);
  EXPECT_LT(largest_gap(last(dpsgd, *ring(8), cast.get()), last(dpsgd, *ring(8), nullptr)),
            4.0 * rounding);
  for (const char* kind : {"d2", "gradient_tracking"})
    EXPECT_LT(distance_to(last(settings_of(kind, 4000, 0.02), *ring(8), cast.get()), optimum),
              8.0 * rounding)
        << kind;
  for (const char* variant : {"variant = \"model\"\n", "variant = \"model_overlap\"\n"}) {
    const std::string relay = settings_of("relaysgd", 4000, 0.02, variant);
    EXPECT_LT(distance_to(last(relay, *chain(8), cast.get()), optimum), 16.0 * rounding) << variant;
    EXPECT_LT(distance_to(last(relay, *chain(8), nullptr), optimum), 0.02) << variant;
  }
}

// The two halves of a vector travel on their own trees.
TEST(CompressedGossip, RelayedPlanesTakeCasts) {
  Table table;
  table.set("kind", "double_binary_trees");
  const Topology trees = topologies().make(table, "").value()->build(8, 1).value();
  const Matrix centres = random_matrix(8, 5, 9);
  const auto problem = quadratic_problem(centres, kCurvature);
  const auto cast = codec_of("kind = \"dense\"\nvalue_type = \"f16\"\n");
  const std::string relay = settings_of("relaysgd", 50, 0.1);
  EXPECT_LT(largest_gap(run_method(relay, problem, trees, {}, {}, cast.get()).at(49),
                        run_method(relay, problem, trees).at(49)),
            0.02);
  const auto exact = codec_of("kind = \"dense\"\n");
  EXPECT_LT(largest_gap(run_method(relay, problem, trees, {}, {}, exact.get()).at(49),
                        run_method(relay, problem, trees).at(49)),
            2e-6);
}

TEST(CompressedGossip, ChocoGoesWhereDpsgdGoes) {
  const Matrix centres = random_matrix(8, 6, 10);
  const auto problem = quadratic_problem(centres, kCurvature);
  const auto codec = codec_of("kind = \"top_k\"\nk = 2\n");
  const auto last = [&](double rate) {
    return run_method(settings_of("choco", 6000, rate, "consensus_step = 0.2\n"), problem, *ring(8),
                      {}, {}, codec.get())
        .at(5999);
  };
  // A constant learning rate leaves a bias in proportion to it, as in D-PSGD.
  const std::vector<double> optimum = optimum_of(centres, kCurvature);
  const double coarse = distance_to(last(0.01), optimum);
  const double fine = distance_to(last(0.0025), optimum);
  EXPECT_GT(coarse / fine, 3.2);
  EXPECT_LT(coarse / fine, 4.5);
  EXPECT_LT(fine, 0.1);
}

// A node either ends a step as it would have without losses, or does not end it: nothing drifts.
TEST(CompressedGossip, LostMessagesEndItAndNothingDrifts) {
  const Matrix centres = random_matrix(8, 4, 11);
  const auto problem = quadratic_problem(centres, kCurvature);
  const auto codec = codec_of("kind = \"rand_k\"\nk = 2\nscaled = false\n");
  const auto unbiased = codec_of("kind = \"rand_k\"\nk = 2\n");
  for (const bool choco : {true, false}) {
    const std::string method = settings_of(choco ? "choco" : "decentralized_diana", 80, 0.05,
                                           choco ? "consensus_step = 0.2\n" : "");
    const Codec* with = choco ? codec.get() : unbiased.get();
    const auto whole = run_method(method, problem, *ring(8), {}, {}, with);
    FaultSettings faults;
    faults.loss = 0.003;
    const ModelLog lossy = watch_method(method, problem, *ring(8), {}, faults, with);
    std::size_t ended = 0, steps = 0;
    for (const auto& [step, models] : lossy.models)
      for (std::size_t node = 0; node < models.size(); ++node) {
        if (models[node].empty()) continue;
        ++ended;
        steps = std::max<std::size_t>(steps, step + 1);
        EXPECT_EQ(models[node], whole.at(step)[node]) << "step " << step << " node " << node;
      }
    EXPECT_LT(ended, 8u * 80u);
    EXPECT_GT(steps, 3u);
    EXPECT_EQ(lossy.figures.at("abandoned"), 8.0);  // one after another, all
    faults.loss = 0.0;
    faults.duplication = 0.4;
    faults.reordering = 0.5;
    faults.reordering_delay_s = 0.3;
    const auto shaken = run_method(method, problem, *ring(8), {}, faults, with);
    for (Step step = 0; step < 80; ++step) EXPECT_EQ(shaken.at(step), whole.at(step));
  }
}

// What reaches a peer from outside, before it is taken in.
TEST(CompressedGossip, MalformedMessagesAreRefused) {
  const auto problem = scalar_problem({1, 2, 3, 4});
  const Topology graph = *ring(4);
  const auto accepts = [&](const std::string& method, const Codec* codec, const Frame& frame) {
    MethodParts parts = parts_of(problem, &graph, {.lazy = true});
    parts.codec = codec;
    const auto check = method_of(method)->content_check(parts);
    const Message message(1, frame, read_frame_header(*frame).value());
    return check.value()(message, 1).ok();
  };
  const auto raw = [](const char* name, const std::vector<double>& values) {
    MessageBuilder message(tag("any"), 3);
    message.vector<double>(name, values);
    return message.finish();
  };
  const std::string tracking = settings_of("gradient_tracking", 5, 0.1);
  EXPECT_TRUE(accepts(tracking, nullptr, raw("x", {1.0, 2.0})));
  EXPECT_FALSE(accepts(tracking, nullptr, raw("x", {1.0})));
  EXPECT_FALSE(accepts(tracking, nullptr, raw("x", {1.0, HUGE_VAL})));
  const auto cast = codec_of("kind = \"dense\"\nvalue_type = \"f16\"\n");
  MessageBuilder both(tag("any"), 3), one(tag("any"), 3);
  const Bytes half(2);
  both.tensor("x", half).tensor("y", half);
  one.tensor("x", half);
  EXPECT_TRUE(accepts(tracking, cast.get(), both.finish()));
  EXPECT_FALSE(accepts(tracking, cast.get(), one.finish()));
  for (const char* kind : {"choco", "decentralized_diana"}) {
    const std::string method = settings_of(kind, 5, 0.1);
    EXPECT_TRUE(accepts(method, nullptr, raw("q", {1.0})));
    EXPECT_FALSE(accepts(method, nullptr, raw("q", {1.0, 2.0})));
    EXPECT_FALSE(accepts(method, nullptr, raw("q", {NAN})));
    EXPECT_FALSE(accepts(method, nullptr, raw("x", {1.0})));
    EXPECT_FALSE(accepts(method, cast.get(), raw("q", {1.0})));
  }
}

TEST(CompressedGossip, RefusesWhatIsUnsound) {
  const auto problem = scalar_problem({1, 2, 3, 4, 5, 6, 7, 8});
  const auto expect = [&](const std::string& method, const Topology& graph, const char* codec,
                          const char* words, FeedbackKind feedback = FeedbackKind::kNone) {
    const auto made = codec_of(codec);
    const std::string refused =
        refusal_of(method, problem, graph, {.lazy = true}, made.get(), feedback);
    EXPECT_NE(refused.find(words), std::string::npos) << method << codec << refused;
  };
  const char* top = "kind = \"top_k\"\nratio = 0.5\nscope = \"global\"\n";
  const auto wide = quadratic_problem(random_matrix(8, 8, 1), kCurvature);
  for (const char* kind : {"dpsgd", "d2", "gradient_tracking", "dpsgd_combine_first"}) {
    const std::string refused =
        refusal_of(settings_of(kind, 5, 0.1), wide, *ring(8), {.lazy = true}, codec_of(top).get());
    EXPECT_NE(refused.find("does not shrink as the models agree"), std::string::npos) << refused;
    EXPECT_NE(refused.find("choco"), std::string::npos) << refused;
  }
  const std::string relayed = refusal_of(settings_of("relaysgd", 5, 0.1), wide, *chain(8), {},
                                         codec_of("kind = \"rand_k\"\nratio = 0.5\n").get());
  EXPECT_NE(relayed.find("would lose a share of them again"), std::string::npos) << relayed;
  const std::string unbiased = refusal_of(settings_of("choco", 5, 0.1), wide, *ring(8), {},
                                          codec_of("kind = \"rand_k\"\nratio = 0.25\n").get());
  EXPECT_NE(unbiased.find("needs a contractive codec"), std::string::npos) << unbiased;
  const std::string biased = refusal_of(settings_of("decentralized_diana", 5, 0.1), wide, *ring(8),
                                        {}, codec_of(top).get());
  EXPECT_NE(biased.find("this codec is biased"), std::string::npos) << biased;

  const char* dense = "kind = \"dense\"\n";
  expect(settings_of("dpsgd", 5, 0.1), *ring(8), dense, "nothing to feed back", FeedbackKind::kEf);
  expect(settings_of("choco", 5, 0.1), *ring(8), dense, "nothing to feed back",
         FeedbackKind::kEf21);
  expect(settings_of("relaysgd", 5, 0.1), *chain(8), dense, "leave feedback out",
         FeedbackKind::kEf);
  Table table;
  table.set("kind", "one_peer_exponential");
  const Topology changing = topologies().make(table, "").value()->build(8, 1).value();
  for (const char* kind : {"choco", "decentralized_diana"})
    expect(settings_of(kind, 5, 0.1), changing, dense, "is not one graph");
  const char* large = "dual_step = 2.5\n";
  expect(settings_of("decentralized_diana", 5, 0.1, large), *ring(8), dense, "2 / lmax = 2");
}

}  // namespace
}  // namespace shoal
