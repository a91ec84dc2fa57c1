// Methods that carry rules, run whole: what they are when their difference is switched off, and
// what their settings promise.
#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shoal/method/federated.h"
#include "shoal/method/optimizer.h"

#include "tests/test_runs.h"

namespace shoal {
namespace {

using ::testing::HasSubstr;

std::string experiment(const std::string& method, const std::string& more = "") {
  return R"(
name = "robust"
seed = 3
[data]
kind = "synthetic_logistic"
rows = 400
features = 5
[partition]
kind = "iid"
[model]
kind = "logistic"
initial_scale = 0.3
[nodes]
count = 8
)" + more +
         "[method]\n" + method;
}

std::vector<float> server_model(const std::string& toml) {
  return outcome_of(experiment_of(toml)).models.at(0);
}

double distance(std::span<const float> a, std::span<const float> b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += std::pow(double(a[i]) - double(b[i]), 2);
  return std::sqrt(sum);
}

TEST(ServerSgd, IsOneLocalStepOfFedAvg) {
  EXPECT_EQ(server_model(experiment("kind = \"server_sgd\"\nrounds = 6\nbatch = 8\n")),
            server_model(experiment("kind = \"fedavg\"\nlocal_steps = 1\nweighting = \"uniform\"\n"
                                    "learning_rate = 1.0\nserver_learning_rate = 0.1\n"
                                    "rounds = 6\nbatch = 8\n")));
}

// With all rows in a batch it is all-reduce SGD, where no order of rows can differ.
TEST(ServerSgd, IsAllReduceSgd) {
  const auto server = server_model(experiment("kind = \"server_sgd\"\nrounds = 6\nbatch = 50\n"));
  const auto peers = outcome_of(experiment_of(
      experiment("kind = \"all_reduce_sgd\"\nsteps = 6\nbatch = 50\ncollective = \"ring\"\n")));
  EXPECT_LT(distance(server, peers.models.at(0)), 1e-6);
}

// Momentum at the workers is, under the mean, dampened momentum at the server.
TEST(ServerSgd, WorkerMomentumUnderTheMeanIsDampenedMomentum) {
  const double beta = 0.9;
  const auto model_after = [&](int rounds, double momentum) {
    return server_model(experiment(
        fmt::format("kind = \"server_sgd\"\nrounds = {}\nbatch = 50\nworker_momentum = {}\n",
                    rounds, momentum)));
  };
  const auto one = model_after(1, 0.0), damped = model_after(1, beta);
  const Experiment start = experiment_of(experiment("kind = \"server_sgd\"\nrounds = 1\n"));
  ThreadPool pool(1);
  const std::vector<float> initial = run_of(start, pool)->assembly().problem_float.initial;
  for (std::size_t i = 0; i < initial.size(); ++i)
    EXPECT_NEAR(damped[i] - initial[i], (1 - beta) * (one[i] - initial[i]), 1e-7);
}

// SLSGD with alpha = 1 is FedAvg with equal weights, and its blocks meet everybody once.
TEST(Slsgd, WithAllClientsAndAlphaOneItIsFedAvg) {
  EXPECT_EQ(server_model(experiment("kind = \"slsgd\"\nrounds = 5\nbatch = 8\n")),
            server_model(
                experiment("kind = \"fedavg\"\nweighting = \"uniform\"\nrounds = 5\nbatch = 8\n")));
}

TEST(Slsgd, BlocksOfAPermutationMeetEverybodyOnce) {
  FederatedJob job;
  job.settings.sampling = CohortSampling::kPermutation;
  job.settings.cohort = 4;
  job.seed = 9;
  for (NodeId client = 1; client <= 12; ++client) job.clients.push_back(client);
  std::vector<NodeId> first_pass, second_pass;
  for (Step round = 0; round < 6; ++round) {
    const auto cohort = job.cohort(round);
    EXPECT_EQ(cohort.size(), 4u);
    EXPECT_TRUE(std::is_sorted(cohort.begin(), cohort.end()));
    auto& pass = round < 3 ? first_pass : second_pass;
    pass.insert(pass.end(), cohort.begin(), cohort.end());
  }
  EXPECT_NE(first_pass, second_pass);
  for (auto* pass : {&first_pass, &second_pass}) {
    std::sort(pass->begin(), pass->end());
    EXPECT_EQ(*pass, job.clients);
  }
  EXPECT_THAT(refusal(experiment("kind = \"slsgd\"\ncohort = 3\n")), HasSubstr("leave 2 over"));
}

// A server that moves half the way makes half the step; from the cut on, a quarter.
TEST(Slsgd, MovesAShareOfTheWay) {
  const auto model_after = [&](int rounds, const std::string& more) {
    return server_model(
        experiment(fmt::format("kind = \"slsgd\"\nrounds = {}\nbatch = 8\n", rounds) + more));
  };
  const Experiment start = experiment_of(experiment("kind = \"slsgd\"\nrounds = 1\n"));
  ThreadPool pool(1);
  const std::vector<float> initial = run_of(start, pool)->assembly().problem_float.initial;
  const auto whole = model_after(1, ""), half = model_after(1, "server_learning_rate = 0.5\n");
  const auto two = model_after(2, "server_learning_rate = 0.5\n");
  const auto cut =
      model_after(2, "server_learning_rate = 0.5\nserver_cut_round = 1\nserver_cut_factor = 0.5\n");
  for (std::size_t i = 0; i < initial.size(); ++i) {
    EXPECT_NEAR(half[i] - initial[i], 0.5 * (whole[i] - initial[i]), 1e-6);
    EXPECT_NEAR(cut[i] - half[i], 0.5 * (two[i] - half[i]), 1e-6);
  }
}

// Groups of one are no groups; groups of three train on the union of their rows.
TEST(Redundancy, SharesTheRowsOfAGroup) {
  EXPECT_THAT(refusal(experiment("kind = \"server_sgd\"\nredundancy = 3\n")),
              HasSubstr("8 clients in groups of 3 leave 2"));
  EXPECT_THAT(refusal(experiment("kind = \"server_sgd\"\nredundancy = 2\n")), HasSubstr("odd"));
  // 7 clients in groups of 3 and 4: with full batches the mean over groups of three rows each.
  FederatedJob job;
  job.settings.redundancy = 3;
  for (NodeId client = 1; client <= 7; ++client) job.clients.push_back(client);
  std::vector<NodeId> twins;
  for (const NodeId client : job.clients) twins.push_back(job.twin_of(client));
  EXPECT_EQ(twins, (std::vector<NodeId>{1, 1, 1, 4, 4, 4, 4}));
}

const char* const kComplete = "[topology]\nkind = \"complete\"\n";

// Without liars nearest-neighbour averaging of everybody is the mean: all peers agree at once, and
// it is D-PSGD on the complete graph.
TEST(Monna, WithAMeanItIsDpsgdOnTheCompleteGraph) {
  const std::string steps = "steps = 5\nbatch = 8\nlearning_rate = 0.1\n";
  const auto monna = outcome_of(experiment_of(
      experiment("kind = \"monna\"\noptimizer = \"sgd\"\n" + steps,
                 std::string(kComplete) + "[rule]\nkind = \"mean\"\nweighted = false\n")));
  const auto dpsgd = outcome_of(experiment_of(experiment("kind = \"dpsgd\"\n" + steps, kComplete)));
  ASSERT_EQ(monna.models.size(), 8u);
  for (const auto& [node, model] : monna.models) {
    EXPECT_EQ(model, monna.models.at(0)) << node;
    EXPECT_LT(distance(model, dpsgd.models.at(node)), 1e-6);
  }
}

TEST(Monna, SaysWhatItNeeds) {
  EXPECT_THAT(refusal(experiment("kind = \"monna\"\n", kComplete)),
              HasSubstr("with a rule and has none"));
  EXPECT_THAT(refusal(experiment("kind = \"dpsgd\"\nwait_for = 3\n", kComplete)),
              HasSubstr("waits for all neighbours"));
  EXPECT_THAT(refusal(experiment("kind = \"d2\"\n",
                                 std::string(kComplete) + "[rule]\nkind = \"trimmed_mean\"\n")),
              HasSubstr("relies on the weights"));
  EXPECT_THAT(refusal(experiment("kind = \"monna\"\nwait_for = 9\n",
                                 std::string(kComplete) + "[rule]\nkind = \"trimmed_mean\"\n")),
              HasSubstr("wait_for = 9 and a node has 7 neighbours"));
  EXPECT_THAT(
      refusal(experiment("kind = \"monna\"\nwait_for = 3\n",
                         std::string(kComplete) + "[rule]\nkind = \"trimmed_mean\"\nfaults = 2\n")),
      HasSubstr("n > 2f = 4 and 4 rows"));
}

// m = (1 - beta^t) for a gradient of 1: the card's .1, .19, .271.
TEST(Monna, DampenedMomentumApproachesTheGradient) {
  OptimizerSettings settings;
  settings.optimizer = LocalOptimizerKind::kDampened;
  LocalOptimizer<double> optimizer(settings);
  for (const double expected : {0.1, 0.19, 0.271}) {
    std::vector<double> update(1);
    optimizer.step(1.0, std::vector<double>{1.0}, update);
    EXPECT_NEAR(update[0], -expected, 1e-15);
  }
  settings.clip_norm = 2.0;
  settings.optimizer = LocalOptimizerKind::kSgd;
  std::vector<double> clipped(2);
  LocalOptimizer<double>(settings).step(1.0, std::vector<double>{3.0, 4.0}, clipped);
  EXPECT_NEAR(clipped[0], -1.2, 1e-15);
  EXPECT_NEAR(clipped[1], -1.6, 1e-15);
  settings.schedule = ScheduleKind::kInverseStairs;
  settings.learning_rate = 0.6;
  settings.inverse_steps = 50;
  for (const auto& [step, rate] : {std::pair{49, 0.6}, {50, 0.3}, {99, 0.3}, {100, 0.2}})
    EXPECT_DOUBLE_EQ(learning_rate_at(settings, std::uint64_t(step), 1000), rate);
}

// One worker: its gradient is always taken at the newest model, so the run is plain SGD.
TEST(AsyncSgd, WithOneWorkerNothingIsStale) {
  std::string toml = experiment("kind = \"async_sgd\"\narrivals = 12\nbatch = 0\n");
  toml.replace(toml.find("count = 8"), 9, "count = 1");
  const auto run = outcome_of(experiment_of(toml));
  for (const std::string& line : run.lines) EXPECT_THAT(line, HasSubstr("\"staleness\":0"));
  std::string sgd = experiment("kind = \"server_sgd\"\nrounds = 12\nbatch = 400\n");
  sgd.replace(sgd.find("count = 8"), 9, "count = 1");
  EXPECT_LT(distance(run.models.at(0), server_model(sgd)), 1e-6);
}

// n workers of one speed: after the first round-trip every gradient is n - 1 arrivals old.
TEST(AsyncSgd, AsManyWorkersAsGradientsAreStale) {
  const auto run =
      outcome_of(experiment_of(experiment("kind = \"async_sgd\"\narrivals = 40\nbatch = 8\n")));
  ASSERT_EQ(run.lines.size(), 40u);
  for (std::size_t arrival = 8; arrival < 40; ++arrival)
    EXPECT_THAT(run.lines[arrival], HasSubstr("\"staleness\":7")) << arrival;
  const auto fresh = outcome_of(experiment_of(
      experiment("kind = \"async_sgd\"\narrivals = 40\nbatch = 8\nstaleness_max = 3\n")));
  std::size_t counted = 0;
  for (const std::string& line : fresh.lines)
    counted += line.find("\"counted\":1") != std::string::npos;
  EXPECT_EQ(counted, 4u);
}

// A lost gradient or model costs a patience, not the worker.
TEST(AsyncSgd, GoesOnWhenMessagesAreLost) {
  const auto run = outcome_of(experiment_of(
      experiment("kind = \"async_sgd\"\narrivals = 200\nbatch = 8\n", "[faults]\nloss = 0.2\n")));
  EXPECT_EQ(run.lines.size(), 200u);
}

}  // namespace
}  // namespace shoal
