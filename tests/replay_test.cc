// A run replays to the bit: on any number of threads, again in the same process, and when it is
// stopped after any round and continued from its checkpoint in a fresh run.
#include <fmt/format.h>
#include <functional>
#include <gtest/gtest.h>
#include <optional>

#include "tests/test_runs.h"

namespace shoal {
namespace {

struct Case {
  std::string name;
  std::string toml;
  Step rounds;
};

// Rows of a planted logistic model, and clients whose rounds take about as long as a frame.
const std::string kClients = R"(
name = "replay"
seed = 11
patience_s = 3.0
[data]
kind = "synthetic_logistic"
rows = 300
features = 6
[partition]
kind = "dirichlet_clients"
alpha = 1.0
[model]
kind = "logistic"
initial_scale = 0.5
[report]
links = true
)";

const std::string kPeers = R"(
name = "replay"
seed = 5
patience_s = 2.0
[data]
kind = "random_quadratics"
nodes = 8
dimension = 5
[partition]
kind = "users"
[model]
kind = "quadratic"
initial_scale = 1.0
[report]
links = true
)";

const std::string kSaddles = R"(
name = "replay"
seed = 4
patience_s = 2.0
[data]
kind = "bilinear_saddles"
nodes = 6
dimension = 4
functions = 3
[partition]
kind = "users"
[model]
kind = "bilinear_saddle"
[report]
links = true
)";

const std::string kFaults = R"(
[faults]
loss = 0.1
duplication = 0.2
reordering = 0.3
reordering_delay_s = 0.2
crash_share = 0.25
crash_within_s = 4.0
late_share = 0.3
late_within_s = 1.0
)";

// All-reduce cannot go on without a member or a frame, so its frames only come twice and late; nor
// can methods that send differences, whose other cases lose a frame and end.
const std::string kMildFaults = R"(
[faults]
duplication = 0.3
reordering = 0.5
reordering_delay_s = 0.2
)";

// Gradients as they come; `rounds` of clients() are arrivals here.
std::string asynchronous(const std::string& more) {
  return "precision = \"float\"\n" + kClients +
         "[nodes]\ncount = 6\nflops_per_s = 20000.0\nstragglers = \"pareto\"\n"
         "speed_spread = 0.5\n[network]\njitter_s = 0.02\nup_bits_per_s = 1e5\n"
         "[method]\nkind = \"async_sgd\"\narrivals = 9\nbatch = 4\n" +
         more;
}

std::string clients(const std::string& method, const std::string& more, std::size_t count = 12) {
  return "precision = \"float\"\n" + kClients +
         fmt::format(
             "[nodes]\ncount = {}\nflops_per_s = 20000.0\nstragglers = \"pareto\"\n"
             "speed_spread = 0.5\n[network]\njitter_s = 0.02\nup_bits_per_s = 1e5\n"
             "[method]\nrounds = 7\nbatch = 4\nkind = \"{}\"\n{}",
             count, method, more);
}

std::string peers(const std::string& method, const std::string& more, bool in_double) {
  return fmt::format("precision = \"{}\"\n", in_double ? "double" : "float") + kPeers +
         fmt::format(
             "[nodes]\ncount = 8\nflops_per_s = 2000.0\nstragglers = "
             "\"shifted_exponential\"\n[network]\njitter_s = 0.02\n"
             "[method]\nsteps = 8\nkind = \"{}\"\n{}",
             method, more);
}

std::vector<Case> federated_cases() {
  const std::string cohort = "cohort = 4\nover_selection = 1.5\nepochs = 2\n";
  const std::string attacked =
      "local_steps = 3\n[codec]\nkind = \"top_k\"\nratio = 0.4\nfeedback = \"ef\"\n"
      "[rule]\nkind = \"trimmed_mean\"\nbefore = [\"nnm\"]\nfaults = 3\n"
      "[attack]\nkind = \"inner_product\"\nscale = 2.0\n";
  std::string liars = clients("fedavg", attacked);
  liars.replace(liars.find("count = 12"), 10, "count = 12\nliars = 3");
  const std::string spared = kFaults + "spared = 1\n";
  return {
      {"fedavg_cohort", clients("fedavg", cohort), 7},
      {"fedavg_attacked", liars, 7},
      {"scaffold", clients("scaffold", cohort), 7},
      {"server_sgd", clients("server_sgd", "worker_momentum = 0.9\n"), 7},
      {"server_sgd_in_groups", clients("server_sgd", "redundancy = 3\n"), 7},
      {"slsgd", clients("slsgd", "cohort = 4\nserver_learning_rate = 0.5\nserver_cut_round = 3\n"),
       7},
      {"slsgd_faults", clients("slsgd", "cohort = 4\n" + spared), 7},
      {"mimelite", clients("mimelite", "cohort = 5\n"), 7},
      {"fednova_momentum", clients("fednova", "optimizer = \"momentum\"\nepochs = 2\n"), 7},
      {"fedyogi", clients("fedyogi", cohort), 7},
      // Updates overflow and are refused.
      {"fedavg_huge_steps", clients("fedavg", "learning_rate = 1e38\n"), 7},
      {"one_byte", clients("one_byte", "samples = 2\ncode = \"byte_stochastic\"\n"), 7},
      {"one_byte_in_place",
       clients("one_byte", "evaluate = \"in_place\"\nrestore_every = 2\nhash_every = 2\n" + spared),
       7},
      {"async_sgd", asynchronous(""), 9},
      {"async_sgd_faults",
       asynchronous("staleness_max = 4\n[codec]\nkind = \"rand_k\"\nratio = 0.5\n" + spared), 9},
      {"fedavg_faults", clients("fedavg", cohort + spared), 7},
      {"fedavg_attacked_faults", liars + spared, 7},
      {"scaffold_faults", clients("scaffold", cohort + spared), 7},
      {"mimelite_faults", clients("mimelite", cohort + spared), 7},
  };
}

// Liars who remember, in every place that an attack has.
std::vector<Case> attacked_cases() {
  const auto lying = [](std::string text, const std::string& old, const std::string& liars) {
    text.replace(text.find(old), old.size(), old + "\n" + liars);
    return text;
  };
  const std::string median = "[rule]\nkind = \"coordinate_median\"\n";
  const std::string mimic = "[attack]\nkind = \"mimic\"\nwarm_up = 4\n";
  const std::string noise = "[attack]\nkind = \"gaussian_noise\"\nsigma = 0.5\n";
  const std::string stale = "[attack]\nkind = \"stale_replay\"\ndelay = 2\n";
  const std::string flip = "[attack]\nkind = \"label_flip\"\nfrom_round = 1\nevery = 2\n";
  const std::string search = "[attack]\nkind = \"inner_product\"\noptimise = true\nprobes = 3\n";
  const std::string ring = "[topology]\nkind = \"ring\"\n";
  const auto peer = [&](const std::string& method, const std::string& more, bool in_double) {
    return lying(peers(method, more, in_double), "count = 8", "liars = 2");
  };
  const auto client = [&](const std::string& more) {
    return lying(clients("fedavg", "cohort = 8\n" + more), "count = 12",
                 "liars = 3\nliars_move = true");
  };
  const std::string half = "[codec]\nkind = \"dense\"\nvalue_type = \"f16\"\n";
  return {
      {"fedavg_moving_mimic", client(median + mimic), 7},
      {"fedavg_search", client(median + search), 7},
      {"fedavg_bit_flips", clients("fedavg", "[attack]\nkind = \"bit_flip\"\ndims = 3\n" + median),
       7},
      {"all_reduce_mimic", peer("all_reduce_sgd", median + mimic, false), 8},
      {"all_reduce_noise_double", peer("all_reduce_sgd", "collective = \"gather\"\n" + noise, true),
       8},
      {"local_adaalter_noise",
       peer("local_adaalter", "period = 3\ncollective = \"gather\"\n" + noise, false), 8},
      {"dpsgd_mimic_double", peer("dpsgd", ring + mimic, true), 8},
      {"dpsgd_two_faced", peer("dpsgd", ring + noise + "equivocate = true\n", false), 8},
      {"tracking_cast_noise", peer("gradient_tracking", ring + half + noise, false), 8},
      {"dpsgd_noise_faults", peer("dpsgd", ring + noise + kFaults, false), 8},
      {"dpsgd_stale_replay", peer("dpsgd", ring + stale, false), 8},
      {"choco_mimic", peer("choco", "consensus_step = 0.3\n" + ring + mimic, true), 8},
      {"diana_stale_replay",
       peer("decentralized_diana", ring + "[codec]\nkind = \"rand_k\"\nk = 2\n" + stale, false), 8},
      {"relaysgd_stale_replay",
       peer("relaysgd", "[topology]\nkind = \"double_binary_trees\"\n" + stale, false), 8},
      {"cser_noise", peer("cser", "period = 3\ncollective = \"gather\"\n" + noise, false), 8},
      {"one_byte_stale_replay", lying(clients("one_byte", stale), "count = 12", "liars = 3"), 7},
      {"one_byte_label_flip", lying(clients("one_byte", flip), "count = 12", "liars = 3"), 7},
      {"async_label_flip", lying(asynchronous(flip), "count = 6", "liars = 3"), 9},
      {"dpsgd_unreliable",
       "precision = \"float\"\n" + kClients +
           "[nodes]\ncount = 6\nliars = 3\nflops_per_s = 20000.0\n[method]\nkind = \"dpsgd\"\n"
           "steps = 8\nbatch = 4\noptimizer = \"momentum\"\n" +
           ring + "[attack]\nkind = \"unreliable\"\nskip = 0.5\nblur = 0.0\nevery = 2\n",
       8},
  };
}

// Neighbours that send what a codec makes of their vectors.
void coded_gossip(const std::function<void(const char* name, const std::string& method,
                                           const std::string& more)>& add) {
  const std::string ring = "[topology]\nkind = \"ring\"\n";
  const std::string half = "[codec]\nkind = \"dense\"\nvalue_type = \"f16\"\n";
  const std::string random = "[codec]\nkind = \"rand_k\"\nk = 2\n";
  add("dpsgd_cast", "dpsgd", ring + half);
  add("tracking_cast", "gradient_tracking", ring + half);
  add("d2_cast", "d2", ring + "[mixing]\nlazy = true\n" + half);
  add("relay_cast", "relaysgd", "[topology]\nkind = \"chain\"\n" + half);
  add("relay_trees_cast", "relaysgd", "[topology]\nkind = \"double_binary_trees\"\n" + half);
  add("choco_top", "choco",
      "consensus_step = 0.3\noptimizer = \"momentum\"\n" + ring +
          "[codec]\nkind = \"top_k\"\nk = 2\n");
  add("choco_sign", "choco", "consensus_step = 0.3\n" + ring + "[codec]\nkind = \"sign\"\n");
  add("diana", "decentralized_diana", ring + random);
  add("diana_shared", "decentralized_diana", ring + random + "seed_mode = \"shared\"\n");
  add("diana_raw", "decentralized_diana", ring);
  add("diana_diverged", "decentralized_diana", "learning_rate = 1e60\n" + ring + random);
}

std::vector<Case> peer_cases() {
  const std::string ring = "[topology]\nkind = \"ring\"\n";
  const std::string lazy_ring = ring + "[mixing]\nlazy = true\n";
  const std::string chain = "[topology]\nkind = \"chain\"\n";
  const std::string trees = "[topology]\nkind = \"double_binary_trees\"\n";
  const std::string overlap = "variant = \"model_overlap\"\ndrop_prob = 0.1\n" + chain;
  const std::string last = "fallback = \"ref_last\"\noptimizer = \"nesterov\"\n" + chain;
  std::vector<Case> cases;
  for (const bool in_double : {false, true})
    for (const bool faulty : {false, true}) {
      const auto add = [&](const char* name, const std::string& method, const std::string& more) {
        const bool needs_all = method == "cser" || method == "all_reduce_sgd" ||
                               method.starts_with("local") ||
                               (method == "choco" && more.find("top_k") != std::string::npos);
        const std::string& faults = needs_all ? kMildFaults : kFaults;
        cases.push_back(
            {fmt::format("{}{}{}", name, in_double ? "_double" : "_float", faulty ? "_faults" : ""),
             peers(method, more + (faulty ? faults : ""), in_double), 8});
      };
      add("dpsgd", "dpsgd", "optimizer = \"momentum\"\n" + ring);
      add("dpsgd_blown_up", "dpsgd", "learning_rate = 1e60\n" + ring);
      add("one_peer", "dpsgd_combine_first",
          "[topology]\nkind = \"one_peer_exponential\"\n"
          "[mixing]\nkind = \"uniform\"\n");
      add("tracking", "gradient_tracking", ring);
      add("d2", "d2", lazy_ring);
      coded_gossip(add);
      add("relay_chain", "relaysgd", chain);
      add("relay_trees", "relaysgd", trees);
      add("relay_overlap", "relaysgd", overlap);
      add("relay_last", "relaysgd", last);
      add("relay_grad", "relaysgd", "variant = \"grad\"\n" + chain);
      add("all_reduce_ring", "all_reduce_sgd", "");
      add("all_reduce_binomial", "all_reduce_sgd", "collective = \"binomial\"\n");
      add("all_reduce_batches", "all_reduce_sgd",
          "batch = 1\n[accordion]\nlarge_batch = 2\ninterval = 1\neta = 0.9\nepoch_steps = 2\n");
      add("local_adaalter", "local_adaalter", "period = 3\n");
      add("all_reduce_econtrol", "all_reduce_sgd",
          "gradient_noise = 0.1\n[codec]\nkind = \"top_k\"\nratio = 0.4\n"
          "feedback = \"econtrol\"\n");
      add("all_reduce_ef_phase", "all_reduce_sgd",
          "[codec]\nkind = \"top_k\"\nratio = 0.4\nfeedback = \"ef_phase\"\nphase = 3\n"
          "repetitions = 2\n");
      add("all_reduce_ef_diana", "all_reduce_sgd",
          "[codec]\nkind = \"top_k\"\nratio = 0.4\nfeedback = \"ef_diana\"\n"
          "shift_codec = { kind = \"rand_k\", ratio = 0.5 }\n");
      add("all_reduce_grbs", "all_reduce_sgd",
          "optimizer = \"momentum\"\n[codec]\nkind = \"grbs\"\ncompression_ratio = 2\n"
          "feedback = \"ef_linear\"\n");
      add("all_reduce_powersgd", "all_reduce_sgd",
          "[codec]\nkind = \"powersgd\"\nrank = 1\nfeedback = \"ef\"\n");
      add("local_sgd_sign", "local_sgd",
          "period = 3\n[codec]\nkind = \"sign\"\nfeedback = \"ef\"\n");
      add("cser", "cser",
          "period = 3\nreset_ratio = 2.0\noptimizer = \"nesterov\"\n"
          "[codec]\nkind = \"grbs\"\ncompression_ratio = 3\n");
      if (in_double) continue;
      add("all_reduce_accordion", "all_reduce_sgd",
          "[codec]\nkind = \"powersgd\"\nrank = 2\nfeedback = \"ef\"\n[accordion]\n"
          "hard = { kind = \"powersgd\", rank = 1 }\ninterval = 1\nepoch_steps = 2\neta = 0.9\n");
      add("monna", "monna",
          "wait_for = 5\n[topology]\nkind = \"complete\"\n"
          "[rule]\nkind = \"trimmed_mean\"\nfaults = 2\n");
      add("dpsgd_rule_cast", "dpsgd",
          ring + "[codec]\nkind = \"dense\"\nvalue_type = \"f16\"\n" +
              "[rule]\nkind = \"coordinate_median\"\nfaults = 1\n");
      add("all_reduce_rule", "all_reduce_sgd", "[rule]\nkind = \"coordinate_median\"\n");
    }
  return cases;
}

// A worker that loses a frame leaves: the run may end early.
std::vector<Case> saddle_cases() {
  std::vector<Case> cases;
  const auto add = [&](const char* name, const char* precision, const std::string& more) {
    cases.push_back({name,
                     fmt::format("precision = \"{}\"\n", precision) + kSaddles +
                         "[nodes]\ncount = 6\nflops_per_s = 2000.0\nstragglers = \"pareto\"\n"
                         "[network]\njitter_s = 0.02\n[method]\niterations = 8\ntau = 0.5\n" +
                         more,
                     8});
  };
  const std::string rand = "[codec]\nkind = \"rand_k\"\nk = 1\n";
  const std::string top = "[codec]\nkind = \"top_k\"\nk = 1\n";
  add("masha1", "double", "kind = \"masha1\"\nparticipants = 4\nbatch = 2\n" + rand);
  add("masha1_mild_faults", "float", "kind = \"masha1\"\n" + rand + kMildFaults);
  add("masha2", "float", "kind = \"masha2\"\nserver_codec = [\"kind=top_k\", \"k=2\"]\n" + top);
  const std::string noise = "liars = 2\n[attack]\nkind = \"gaussian_noise\"\nsigma = 0.1\n";
  cases.push_back(
      {"masha1_noise",
       "precision = \"double\"\n" + kSaddles +
           "[method]\nkind = \"masha1\"\niterations = 8\ntau = 0.5\nparticipants = 4\n" + rand +
           "[nodes]\ncount = 6\nflops_per_s = 2000.0\nliars_move = true\n" + noise,
       8});
  add("masha2_faults", "double", "kind = \"masha2\"\n" + top + kFaults + "spared = 3\n");
  return cases;
}

std::vector<Case> all_cases() {
  std::vector<Case> cases = federated_cases();
  for (Case& attacked : attacked_cases()) cases.push_back(std::move(attacked));
  for (Case& saddle : saddle_cases()) cases.push_back(std::move(saddle));
  for (Case& peer : peer_cases()) cases.push_back(std::move(peer));
  return cases;
}

// Runs on fresh objects from checkpoint to checkpoint, stopping after these rounds.
Outcome run_in_parts(const Experiment& experiment, ThreadPool& pool, const std::vector<Step>& stops,
                     std::size_t& parts) {
  std::optional<Bytes> checkpoint;
  for (parts = 1;; ++parts) {
    const auto run = run_of(experiment, pool);
    if (checkpoint) {
      const Status resumed = run->resume(*checkpoint);
      SHOAL_CHECK(resumed.ok(), resumed.error().message);
    }
    run->on_checkpoint([&](ByteView bytes, std::size_t) {
      checkpoint = Bytes(bytes.begin(), bytes.end());
      return ok_status();
    });
    if (parts <= stops.size()) run->stop_after(stops[parts - 1]);
    const Status status = run->go();
    SHOAL_CHECK(status.ok(), status.error().message);
    if (!run->result().interrupted) return outcome_of(*run);
  }
}

void PrintTo(const Case& shown, std::ostream* out) { *out << shown.name; }

class Replay : public testing::TestWithParam<Case> {};

TEST_P(Replay, SameOnAnyNumberOfThreads) {
  const Experiment experiment = experiment_of(GetParam().toml);
  const Outcome once = outcome_of(experiment);
  ASSERT_FALSE(once.lines.empty());
  for (const std::size_t threads : {1, 2, 4}) {
    SCOPED_TRACE(threads);
    expect_same(once, outcome_of(experiment, threads));
  }
}

TEST_P(Replay, SameWhenStoppedAndContinued) {
  const Experiment experiment = experiment_of(GetParam().toml);
  ThreadPool pool(2);
  const Outcome whole = outcome_of(experiment);
  std::size_t interrupted = 0;
  for (Step round = 0; round < GetParam().rounds; ++round) {
    SCOPED_TRACE(fmt::format("stopped after round {}", round));
    std::size_t parts = 0;
    expect_same(whole, run_in_parts(experiment, pool, {round}, parts));
    interrupted += parts - 1;
  }
  // A run whose members are lost may end early, and the last round has nothing behind it.
  EXPECT_GE(interrupted, whole.lines.size() > 2 ? 2u : 0u);
}

TEST_P(Replay, SameWhenContinuedTwice) {
  const Experiment experiment = experiment_of(GetParam().toml);
  ThreadPool pool(1);
  const Outcome whole = outcome_of(experiment);
  for (const std::vector<Step>& stops : {std::vector<Step>{0, 3}, std::vector<Step>{1, 2, 4, 5}}) {
    std::size_t parts = 0;
    expect_same(whole, run_in_parts(experiment, pool, stops, parts));
  }
}

TEST_P(Replay, SameWhileCheckpointsAreWritten) {
  Experiment experiment = experiment_of(GetParam().toml);
  const Outcome plain = outcome_of(experiment);
  experiment.report.checkpoint_every = 2;
  expect_same(plain, outcome_of(experiment, 2));
}

INSTANTIATE_TEST_SUITE_P(Methods, Replay, testing::ValuesIn(all_cases()),
                         [](const auto& test) { return test.param.name; });

TEST(ReplaySeed, AnotherSeedGivesAnotherTrace) {
  const Case first = federated_cases().front();
  Experiment experiment = experiment_of(first.toml);
  const Outcome once = outcome_of(experiment);
  experiment.general.seed = 12;
  EXPECT_NE(once.trace_digest, outcome_of(experiment).trace_digest);
}

// The cases that blow up do: their lines hold figures that are no numbers.
TEST(ReplayCases, BlownUpLinesHoldNulls) {
  std::size_t blown_up = 0;
  for (const Case& drawn : all_cases()) {
    if (drawn.name.find("blown_up") == std::string::npos) continue;
    const Outcome outcome = outcome_of(experiment_of(drawn.toml));
    EXPECT_NE(outcome.lines.back().find(":null"), std::string::npos) << drawn.name;
    ++blown_up;
  }
  EXPECT_EQ(blown_up, 4u);
}

}  // namespace
}  // namespace shoal
