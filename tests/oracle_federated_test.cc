// Federated methods run whole: what each of them is when its difference is switched off.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/test_runs.h"

namespace shoal {
namespace {

// Rounds of a method on uneven logistic data; `iid` gives every client equally many rows.
std::string federated(const std::string& method, const std::string& partition = R"(
[partition]
kind = "dirichlet_clients"
alpha = 0.5
)") {
  return R"(
name = "reduction"
seed = 3
[data]
kind = "synthetic_logistic"
rows = 400
features = 5
[model]
kind = "logistic"
initial_scale = 0.3
[nodes]
count = 8
)" + partition +
         "[method]\nrounds = 6\nbatch = 8\nlearning_rate = 0.2\n" + method;
}

const std::string kEven = "[partition]\nkind = \"iid\"\n";

std::vector<float> final_model(const std::string& toml) {
  return outcome_of(experiment_of(toml)).models.at(0);
}

TEST(FederatedReductions, AllAreFedAvgBitForBit) {
  const auto fedavg = final_model(federated("kind = \"fedavg\"\n"));
  for (const char* method :
       {"kind = \"fedprox\"\nmu = 0.0\n", "kind = \"mimelite\"\nbeta = 0.0\n",
        "kind = \"fedavgm\"\nserver_momentum = 0.0\n",
        "kind = \"federated\"\nserver_optimizer = \"sgd\"\nserver_learning_rate = 1.0\n",
        "kind = \"fedavg\"\noptimizer = \"momentum\"\nmomentum = 0.0\n"})
    EXPECT_EQ(final_model(federated(method)), fedavg) << method;
}

TEST(FederatedReductions, FedNovaWithEqualStepsIsFedAvg) {
  EXPECT_EQ(final_model(federated("kind = \"fednova\"\nlocal_steps = 5\n")),
            final_model(federated("kind = \"fedavg\"\nlocal_steps = 5\n")));
  EXPECT_EQ(final_model(federated("kind = \"fednova\"\n", kEven)),
            final_model(federated("kind = \"fedavg\"\n", kEven)));
  // With uneven steps they differ.
  EXPECT_NE(final_model(federated("kind = \"fednova\"\n")),
            final_model(federated("kind = \"fedavg\"\n")));
}

// All control variates are zero in the first round.
TEST(FederatedReductions, ScaffoldBeginsAsFedAvg) {
  const auto first = [](std::string toml) {
    toml.replace(toml.find("rounds = 6"), 10, "rounds = 1");
    return final_model(toml);
  };
  EXPECT_EQ(first(federated("kind = \"scaffold\"\n")), first(federated("kind = \"fedavg\"\n")));
  EXPECT_NE(final_model(federated("kind = \"scaffold\"\n")),
            final_model(federated("kind = \"fedavg\"\n")));
}

// One step on all rows of all clients, weighted by their rows, is gradient descent on all rows.
TEST(FederatedReductions, OneFullStepIsGradientDescent) {
  const Experiment experiment = experiment_of(
      federated("kind = \"fedavg\"\nlocal_steps = 1\n")
          .replace(federated("kind = \"fedavg\"\nlocal_steps = 1\n").find("batch = 8"), 9,
                   "batch = 4000"));
  ThreadPool pool(1);
  const auto run = run_of(experiment, pool);
  ASSERT_TRUE(run->go().ok());
  const Problem<float>& problem = run->assembly().problem_float;
  Rows all;
  for (const Rows& rows : problem.rows) all.insert(all.end(), rows.begin(), rows.end());
  std::vector<float> x = problem.initial;
  std::vector<float> gradient(x.size());
  for (int round = 0; round < 6; ++round) {
    problem.models->mine().gradient(x, Batch{problem.data.get(), all}, gradient);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] -= 0.2f * gradient[i];
  }
  const std::vector<float>& found = run->result().models.at(0);
  for (std::size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(found[i], x[i], 2e-6);
}

// The lossless rules over the same rows: a trimmed mean of f = 0 is the uniform mean.
TEST(FederatedReductions, TrimmingNobodyIsTheUniformMean) {
  const auto mean = final_model(federated("kind = \"fedavg\"\nweighting = \"uniform\"\n"));
  const auto trimmed =
      final_model(federated("kind = \"fedavg\"\n[rule]\nkind = \"trimmed_mean\"\nfaults = 0\n"));
  for (std::size_t i = 0; i < mean.size(); ++i) EXPECT_NEAR(mean[i], trimmed[i], 1e-6);
}

// SCAFFOLD takes out the bias of unequal local training: 20 scalar quadratics, 30 local steps.
// A codec that loses nothing leaves feedback nothing to do.
TEST(FederatedReductions, FeedbackOnADenseCodecIsFedAvg) {
  const auto fedavg = final_model(federated("kind = \"fedavg\"\n"));
  for (const char* feedback : {"ef", "ef_linear", "ef21", "econtrol", "diana", "ef_phase",
                               "ef_diana\"\nshift_codec = \"dense"}) {
    const auto model = final_model(federated("kind = \"fedavg\"\n[codec]\nkind = \"dense\"\n" +
                                             fmt::format("feedback = \"{}\"\n", feedback)));
    for (std::size_t i = 0; i < model.size(); ++i) EXPECT_NEAR(model[i], fedavg[i], 1e-5);
  }
}

// Where three in ten messages are lost, both sides keep one shift: an update that was encoded
// against another would be refused.
TEST(FederatedFeedback, LostMessagesLeaveBothSidesAlike) {
  for (const char* feedback :
       {"ef", "ef21", "econtrol", "ef21\"\nmomentum_in = 0.5\nh_init = \"zero",
        "econtrol\"\nh_init = \"compressed", "ef_phase\"\nphase = 5\nrepetitions = 2\n#",
        "ef_diana\"\nshift_codec = { kind = \"rand_k\", ratio = 0.5 }\n#"}) {
    std::string toml =
        federated("kind = \"fedavg\"\ncohort = 6\nround_deadline_s = 2.0\n") +
        fmt::format("[codec]\nkind = \"top_k\"\nratio = 0.4\nfeedback = \"{}\"\n", feedback) +
        "[faults]\nloss = 0.3\nduplication = 0.2\n";
    toml.replace(toml.find("rounds = 6"), 10, "rounds = 40");
    std::size_t missing = 0;
    for (const std::string& line : outcome_of(experiment_of(toml)).lines) {
      missing += line.find("missing") != std::string::npos ? 1 : 0;
      EXPECT_EQ(line.find("refused"), std::string::npos) << line;
    }
    EXPECT_GT(missing, 10u);
  }
}

TEST(FederatedClaims, ScaffoldReachesTheOptimumFedAvgDoesNot) {
  const auto gap = [](const char* method) {
    const Experiment experiment = experiment_of(
        std::string("name = \"drift\"\nseed = 4\n[data]\nkind = \"scalar_quadratics\"\n"
                    "[partition]\nkind = \"users\"\n[model]\nkind = \"quadratic\"\n"
                    "[nodes]\ncount = 20\n[method]\nrounds = 400\nlocal_steps = 30\n"
                    "learning_rate = 0.05\nkind = \"") +
        method + "\"\n");
    ThreadPool pool(1);
    const auto run = run_of(experiment, pool);
    SHOAL_CHECK(run->go().ok(), "the run ends");
    const Dataset& data = *run->assembly().task.train;
    double weighted = 0.0, total = 0.0;
    for (std::size_t row = 0; row < data.rows; ++row) {
      weighted += static_cast<double>(data.row(row)[0]) * data.row(row)[1];
      total += data.row(row)[1];
    }
    return std::abs(run->result().models.at(0)[0] - weighted / total);
  };
  EXPECT_GT(gap("fedavg"), 0.01);
  EXPECT_LT(gap("scaffold"), 1e-5);
}

// Clients of 10 rows in batches of 4: an epoch is 4 + 4 + 2 gradients.
TEST(FederatedLedger, CountsEveryGradientOnce) {
  const auto gradients = [](const std::string& method, const char* precision = "float") {
    const Experiment experiment = experiment_of(
        fmt::format("name = \"count\"\nprecision = \"{}\"\n[data]\nkind = \"fcube\"\n"
                    "train_rows = 50\ntest_rows = 10\n[partition]\nkind = \"iid\"\n"
                    "[model]\nkind = \"logistic\"\n[nodes]\ncount = 5\n[method]\nbatch = 4\n",
                    precision) +
        method);
    return outcome_of(experiment).gradients;
  };
  const std::string fedavg = "kind = \"fedavg\"\nrounds = 3\n";
  EXPECT_EQ(gradients(fedavg + "epochs = 2\n"), 3u * 5 * 20);
  EXPECT_EQ(gradients(fedavg + "local_steps = 1\n"), 3u * 5 * 4);
  EXPECT_EQ(gradients(fedavg + "local_steps = 5\n"), 3u * 5 * (10 + 8));
  EXPECT_EQ(gradients(fedavg + "local_steps = 6\n"), 3u * 5 * 20);
  EXPECT_EQ(gradients("kind = \"mimelite\"\nrounds = 3\n"), 3u * 5 * (10 + 10));
  for (const char* peers : {"kind = \"all_reduce_sgd\"\n",
                            "kind = \"dpsgd\"\n[topology]\nkind = "
                            "\"ring\"\n",
                            "kind = \"relaysgd\"\n[topology]\nkind = \"chain\"\n"})
    for (const char* precision : {"float", "double"})
      EXPECT_EQ(gradients("steps = 5\n" + std::string(peers), precision), 5u * (10 + 8)) << peers;
}

TEST(FederatedRefusals, SayTheArithmetic) {
  const auto expect = [](const std::string& method, const char* part) {
    const std::string text = refusal(federated(method));
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  expect("kind = \"fedavg\"\ncohort = 9\n", "a cohort of 9 from 8 clients");
  expect("kind = \"scaffold\"\noptimizer = \"momentum\"\n", "SCAFFOLD");
  expect("kind = \"fednova\"\noptimizer = \"nesterov\"\n", "nesterov");
  expect("kind = \"fedavg\"\n[rule]\nkind = \"trimmed_mean\"\nfaults = 4\n", "n > 2f");
  expect("kind = \"dpsgd\"\nsteps = 5\n", "unknown setting 'rounds'");
}

}  // namespace
}  // namespace shoal
