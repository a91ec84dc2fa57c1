// Swarm: every seed draws a whole experiment - method, graph, sizes, codec, rule, liars, and what
// goes wrong - and holds it to what every run must keep: it ends by itself, nothing is left waiting
// or under way, every byte sent is accounted for, nobody counts twice, mixing keeps the mean, and
// the same seed gives the same trace, in a fresh process, too.
//
// A failing seed is named in the output; SHOAL_SWARM_SEED=<seed> runs only that one, and
// SHOAL_SWARM_LAST=<seed> goes on for longer.
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <set>
#include <tuple>
#include <unistd.h>

#include "shoal/base/sha256.h"
#include "shoal/graph/topology_kind.h"

#include "tests/test_runs.h"

namespace shoal {
namespace {

constexpr std::uint64_t kSeeds = 300;

// A drawn experiment, and what follows from how it was drawn.
struct Drawn {
  std::string toml;
  bool faulty = false;
  bool federated = false;
  bool keeps_mean = false;  // among peers, with nothing lost
  double limit_s = 0.0;
};

class Draw {
 public:
  explicit Draw(std::uint64_t seed) : seed_(seed), stream_(seed, purpose("swarm")) {}

  Drawn experiment() {
    drawn_.faulty = chance(0.7);
    drawn_.federated = chance(0.5);
    nodes_ = between(2, 32);
    rounds_ = between(2, 6);
    // Long enough for any straggler where nothing is lost, so that every round is complete.
    patience_s_ = drawn_.faulty ? 1.0 + 4.0 * stream_.uniform() : 300.0;
    drawn_.toml = fmt::format("name = \"swarm\"\nseed = {}\npatience_s = {}\n", seed_, patience_s_);
    if (drawn_.federated)
      federated();
    else
      peers();
    nodes_and_network();
    if (drawn_.faulty) faults();
    drawn_.toml += "[report]\nlinks = true\ntensorboard = false\n";
    // Idle clients wait once more for as long as all rounds may take; ten times for good measure.
    drawn_.limit_s = 10.0 * (30.0 + 2.0 * static_cast<double>(rounds_ + 2) * (patience_s_ + 20.0) *
                                        (drawn_.federated ? 1.0 : static_cast<double>(nodes_)));
    return drawn_;
  }

 private:
  bool chance(double p) { return stream_.uniform() < p; }
  std::size_t between(std::size_t low, std::size_t high) {
    return low + static_cast<std::size_t>(stream_.below(high - low + 1));
  }
  template <class... Options>
  std::string one_of(Options... options) {
    const std::array<const char*, sizeof...(options)> all = {options...};
    return all[static_cast<std::size_t>(stream_.below(all.size()))];
  }
  template <class... Values>
  void add(fmt::format_string<Values...> text, Values&&... values) {
    drawn_.toml += fmt::format(text, std::forward<Values>(values)...);
  }

  void federated() {
    add("[data]\nkind = \"synthetic_logistic\"\nrows = {}\nfeatures = {}\n",
        nodes_ * between(8, 14), between(1, 5));
    if (chance(0.5))
      add("[partition]\nkind = \"iid\"\n");
    else
      add("[partition]\nkind = \"dirichlet_clients\"\nalpha = 1.0\nmin_rows = 1\n");
    add("[model]\nkind = \"{}\"\n", one_of("logistic", "softmax"));
    const std::string kind =
        one_of("fedavg", "fedavgm", "fedprox", "fedadagrad", "fedadam", "fedyogi", "fednova",
               "scaffold", "mimelite", "federated", "server_sgd");
    cohort_ = chance(0.5) ? nodes_ : between(1, nodes_);
    add("[method]\nkind = \"{}\"\nrounds = {}\ncohort = {}\nover_selection = {}\nbatch = {}\n",
        kind, rounds_, cohort_, chance(0.3) ? 1.4 : 1.0, between(1, 6));
    if (chance(0.3)) add("local_steps = {}\n", between(1, 5));
    if (kind != "scaffold" && chance(0.3)) add("optimizer = \"momentum\"\n");
    if (chance(0.3)) add("round_deadline_s = {}\n", 0.3 + stream_.uniform());
    if (chance(0.5)) add("weighting = \"uniform\"\n");
    if (chance(0.2)) add("worker_momentum = 0.9\n");
    codec_and_rule();
  }

  void codec_and_rule() {
    std::string feedback = "none";
    if (chance(0.5)) {
      feedback = one_of("none", "ef", "ef21", "econtrol", "ef_phase");
      add("[codec]\nkind = \"top_k\"\nratio = 0.5\nfeedback = \"{}\"\n", feedback);
    } else if (chance(0.2)) {
      add("[codec]\nkind = \"dense\"\n");
    }
    const std::size_t most = (cohort_ - 1) / 2;
    const std::size_t declared = between(0, most);
    if (chance(0.6)) {
      add("[rule]\nkind = \"{}\"\nfaults = {}\n", one_of("trimmed_mean", "coordinate_median"),
          declared);
      if (chance(0.4)) add("before = [\"nnm\"]\n");
    }
    const bool shifts = feedback != "none" && feedback != "ef";
    if (nodes_ < 4 || shifts || !chance(0.4)) return;
    liars_ = between(1, (nodes_ - 1) / 3);
    const std::string kind =
        one_of("inner_product", "sign_flip", "gaussian_noise", "little_is_enough", "mimic",
               "min_max", "min_sum", "constant", "uniform", "not_finite", "none");
    // With kind = "none" there is no attack, so no liars either.
    if (kind == "none")
      liars_ = 0;
    else
      add("[attack]\nkind = \"{}\"\n", kind);
  }

  void peers() {
    add("precision = \"{}\"\n", one_of("float", "double"));
    add("[data]\nkind = \"random_quadratics\"\nnodes = {}\ndimension = {}\n"
        "[partition]\nkind = \"users\"\n[model]\nkind = \"quadratic\"\ninitial_scale = 1.0\n",
        nodes_, between(2, 6));
    const std::string kind = one_of("dpsgd", "dpsgd_combine_first", "gradient_tracking", "d2",
                                    "choco", "decentralized_diana", "relaysgd", "all_reduce_sgd",
                                    "local_sgd", "local_adaalter", "cser");
    const bool momentum =
        (kind.starts_with("dpsgd") || kind == "d2" || kind == "choco") && chance(0.3);
    add("[method]\nkind = \"{}\"\nsteps = {}\nbatch = 0\nlearning_rate = 0.1\n", kind, rounds_);
    if (momentum) add("optimizer = \"{}\"\n", one_of("momentum", "nesterov"));
    drawn_.keeps_mean = !momentum && kind != "relaysgd" && kind != "local_adaalter";
    if (is_synchronous(kind)) {
      synchronous(kind);
    } else if (kind == "relaysgd") {
      add("variant = \"{}\"\nfallback = \"{}\"\n", one_of("model", "model_overlap", "grad"),
          one_of("own", "ref_initial", "ref_last", "counts"));
      add("[topology]\nkind = \"{}\"\n", one_of("chain", "star", "relay_tree", "binary_tree",
                                                nodes_ > 2 ? "double_binary_trees" : "chain"));
    } else {
      if (kind == "choco") add("consensus_step = {}\n", 0.1 + 0.2 * stream_.uniform());
      graph(kind.starts_with("dpsgd"));
    }
    if (!is_synchronous(kind) && chance(0.5)) peers_codec(kind);
  }

  static bool is_synchronous(const std::string& kind) {
    return kind == "all_reduce_sgd" || kind == "cser" || kind.starts_with("local");
  }
  // Means over all workers: summed on the way, encoded together, or everybody's to everybody.
  void synchronous(const std::string& kind) {
    if (kind == "cser") {
      add("period = 2\nreset_ratio = {}\n", one_of("1.0", "2.0"));
      add("[codec]\n{}\n", one_of("kind = \"grbs\"\ncompression_ratio = 2", "kind = \"sign\"",
                                  "kind = \"top_k\"\nratio = 0.4"));
      return;
    }
    if (kind.starts_with("local")) add("period = {}\n", between(1, 3));
    if (chance(0.4)) {
      add("collective = \"{}\"\n", one_of("ring", "binomial", "gather"));
    } else if (chance(0.8)) {
      drawn_.keeps_mean = false;
      add("[codec]\nfeedback = \"{}\"\n{}\n", one_of("none", "ef"),
          one_of("kind = \"powersgd\"", "kind = \"sign\"", "kind = \"top_k\"\nratio = 0.4",
                 "kind = \"grbs\"\ncompression_ratio = 2"));
      if (kind == "all_reduce_sgd" && chance(0.3))
        add("[accordion]\nhard = {{ kind = \"top_k\", k = 1 }}\ninterval = 1\nepoch_steps = 2\n");
    }
  }

  // What the method can bear: contractive, unbiased, or no more than rounding.
  void peers_codec(const std::string& kind) {
    if (kind == "choco") {
      add("[codec]\n{}\n",
          one_of("kind = \"top_k\"\nratio = 0.5", "kind = \"sign\"", "kind = \"natural\"",
                 "kind = \"rand_k\"\nratio = 0.5\nscaled = false"));
    } else if (kind == "decentralized_diana") {
      add("[codec]\n{}\n",
          one_of("kind = \"rand_k\"\nratio = 0.5", "kind = \"qsgd\"",
                 "kind = \"rand_k\"\nk = 1\nseed_mode = \"shared\"", "kind = \"terngrad\""));
    } else {
      add("[codec]\nkind = \"dense\"\nvalue_type = \"{}\"\n", one_of("f32", "f16", "bf16"));
    }
  }

  // A graph that fits the number of nodes; directed ones only for D-PSGD.
  void graph(bool directed_too) {
    for (;;) {
      const std::string kind =
          one_of("ring", "chain", "star", "complete", "torus", "hypercube", "binary_tree",
                 "erdos_renyi", "davis", "exponential", "one_peer_exponential");
      const bool directed = kind.find("exponential") != std::string::npos;
      if (directed && !directed_too) continue;
      Table table;
      table.set("kind", kind);
      const auto built = topologies().make(table, "").value()->build(nodes_, seed_);
      if (!built.ok() || !is_connected(*built)) continue;
      add("[topology]\nkind = \"{}\"\n[mixing]\nlazy = true\nkind = \"{}\"\n", kind,
          directed ? "uniform" : "metropolis_hastings");
      return;
    }
  }

  void nodes_and_network() {
    add("[nodes]\ncount = {}\nliars = {}\nflops_per_s = {}\nspeed_spread = {}\nstragglers = "
        "\"{}\"\n",
        nodes_, liars_, 500.0 + 5000.0 * stream_.uniform(), chance(0.5) ? 0.5 : 0.0,
        one_of("none", "constant", "shifted_exponential", "pareto"));
    add("straggler_share = 0.3\nstraggler_factor = {}\n", 2.0 + 18.0 * stream_.uniform());
    add("[network]\nlatency_s = {}\njitter_s = {}\nup_bits_per_s = {}\ndown_bits_per_s = {}\n"
        "shared_cards = {}\n",
        0.03 * stream_.uniform(), chance(0.5) ? 0.3 * stream_.uniform() : 0.0,
        chance(0.2) ? 0.0 : 1e5, chance(0.2) ? 0.0 : 1e6, chance(0.7));
  }

  void faults() {
    add("[faults]\nloss = {}\nduplication = {}\nreordering = {}\nreordering_delay_s = {}\n",
        chance(0.6) ? 0.3 * stream_.uniform() : 0.0, chance(0.5) ? 0.5 * stream_.uniform() : 0.0,
        chance(0.5) ? 0.5 * stream_.uniform() : 0.0, 2.0 * stream_.uniform());
    if (chance(0.3))
      add("partition_share = {}\npartition_start_s = {}\npartition_duration_s = {}\n"
          "partition_one_way = {}\n",
          0.5 * stream_.uniform(), stream_.uniform(), 4.0 * stream_.uniform(), chance(0.5));
    if (chance(0.3))
      add("crash_share = {}\ncrash_within_s = {}\n", 0.4 * stream_.uniform(),
          5.0 * stream_.uniform());
    if (chance(0.3))
      add("late_share = {}\nlate_within_s = {}\n", 0.5 * stream_.uniform(),
          3.0 * stream_.uniform());
    add("spared = {}\n", between(0, 1));
  }

  std::uint64_t seed_;
  RandomStream stream_;
  Drawn drawn_;
  std::size_t nodes_ = 0;
  std::size_t rounds_ = 0;
  std::size_t cohort_ = 0;
  std::size_t liars_ = 0;
  double patience_s_ = 0.0;
};

// Sees every round a receiver closes: nobody may count twice in it, and no round closes twice.
class OnceOnly : public Interceptor {
 public:
  explicit OnceOnly(Interceptor* next) : next_(next) {}
  void sent(NodeId from, const Frame& frame) override {
    if (next_) next_->sent(from, frame);
  }
  void round_closed(NodeId receiver, std::vector<Message>& messages) override {
    for (const Message& message : messages) {
      const bool fresh =
          seen_.insert({receiver, message.tag(), message.round(), message.sender()}).second;
      EXPECT_TRUE(fresh) << "node " << message.sender() << " counts twice at node " << receiver;
    }
    if (next_) next_->round_closed(receiver, messages);
  }

 private:
  Interceptor* next_;
  std::set<std::tuple<NodeId, Tag, Step, NodeId>> seen_;
};

// Sees every model on its way to the recorder: no NaN; and, where asked, that the mean over the
// peers moves by the mean gradient and by nothing else.
class Means : public Observer {
 public:
  Means(Run& run, Observer* next, double learning_rate, bool keeps_mean)
      : run_(run),
        next_(next),
        learning_rate_(learning_rate),
        keeps_mean_(keeps_mean),
        honest_(run.assembly().experiment.nodes.liars == 0) {}

  bool wants_model(NodeId node, Step step) const override { return next_->wants_model(node, step); }
  void model(NodeId node, Step step, std::span<const float> x) override {
    seen(node, step, x, run_.assembly().problem_float);
    next_->model(node, step, x);
  }
  void model(NodeId node, Step step, std::span<const double> x) override {
    seen(node, step, x, run_.assembly().problem_double);
    next_->model(node, step, x);
  }
  // An honest update is never refused: with feedback, that the shifts of both sides agree.
  void figure(NodeId node, Step step, std::string_view name, double value) override {
    if (honest_ && name == "refused") ADD_FAILURE() << value << " refused in round " << step;
    next_->figure(node, step, name, value);
  }
  void step_done(NodeId node, Step step) override { next_->step_done(node, step); }
  void node_left(NodeId node) override { next_->node_left(node); }

  // After the run: the mean of step t+1 is that of step t moved by the mean gradient there.
  void check_means(double tolerance) const {
    for (const auto& [step, sums] : sums_) {
      const auto after = sums_.find(step + 1);
      if (after == sums_.end()) continue;
      for (std::size_t i = 0; i < sums.x.size(); ++i)
        EXPECT_NEAR(after->second.x[i], sums.x[i] - learning_rate_ * sums.gradient[i],
                    tolerance * static_cast<double>(sums.count) * (1.0 + std::abs(sums.x[i])))
            << "the mean after step " << step + 1;
    }
  }

 private:
  struct Sums {
    std::size_t count = 0;
    std::vector<double> x;
    std::vector<double> gradient;
  };

  template <class Scalar>
  void seen(NodeId node, Step step, std::span<const Scalar> x, const Problem<Scalar>& problem) {
    for (const Scalar value : x) EXPECT_TRUE(std::isfinite(value)) << "node " << node;
    if (!keeps_mean_) return;
    std::vector<Scalar> gradient(x.size());
    problem.models->mine().gradient(x, Batch{problem.data.get(), problem.rows[node]}, gradient);
    Sums& sums = sums_[step];
    ++sums.count;
    sums.x.resize(x.size());
    sums.gradient.resize(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
      sums.x[i] += x[i];
      sums.gradient[i] += gradient[i];
    }
  }

  Run& run_;
  Observer* next_;
  double learning_rate_;
  bool keeps_mean_;
  bool honest_;
  std::map<Step, Sums> sums_;
};

void expect_closed(const Flow& flow) {
  EXPECT_EQ(flow.sent_bytes, flow.received_bytes + flow.dropped_bytes);
}

void expect_traffic_closes(const Simulation& simulation) {
  const Traffic& traffic = simulation.traffic();
  Flow tags, links;
  const auto add = [](Flow& sum, const Flow& flow) {
    sum.frames += flow.frames;
    sum.sent_bytes += flow.sent_bytes;
    sum.received_bytes += flow.received_bytes;
    sum.dropped_bytes += flow.dropped_bytes;
    expect_closed(flow);
  };
  for (const auto& entry : traffic.by_tag()) add(tags, entry.flow);
  for (const auto& [link, flow] : traffic.by_link()) add(links, flow);
  expect_closed(traffic.total());
  for (const Flow& sum : {tags, links}) {
    EXPECT_EQ(sum.frames, traffic.total().frames);
    EXPECT_EQ(sum.sent_bytes, traffic.total().sent_bytes);
    EXPECT_EQ(sum.received_bytes, traffic.total().received_bytes);
  }
  // What arrived met exactly one fate.
  std::uint64_t fates = 0;
  for (const Fate fate : {Fate::kUsed, Fate::kLate, Fate::kDuplicate, Fate::kMalformed,
                          Fate::kOverflow, Fate::kUnread})
    fates += traffic.fate_bytes(fate);
  EXPECT_EQ(fates, traffic.total().received_bytes);
  EXPECT_EQ(traffic.fate_bytes(Fate::kMalformed), 0u);
}

Outcome run_watched(const Drawn& drawn, std::size_t threads) {
  ThreadPool pool(threads);
  const auto run = run_of(experiment_of(drawn.toml), pool);
  OnceOnly once(run->assembly().adversary.get());
  run->simulation().set_interceptor(&once);
  Means means(*run, run->simulation().observer(), 0.1, drawn.keeps_mean && !drawn.faulty);
  run->simulation().set_observer(&means);
  const Status status = run->go();
  EXPECT_TRUE(status.ok());
  Outcome outcome = outcome_of(*run);
  EXPECT_LT(outcome.virtual_time_s, drawn.limit_s);
  EXPECT_EQ(run->simulation().in_flight(), 0u);
  expect_traffic_closes(run->simulation());
  means.check_means(outcome.models_double.empty() ? 1e-6 : 1e-12);
  if (!drawn.faulty) {
    EXPECT_EQ(outcome.lines.size(), run->assembly().method->length());
  }
  run->simulation().set_observer(nullptr);
  return outcome;
}

std::uint64_t first_seed() {
  const char* only = std::getenv("SHOAL_SWARM_SEED");
  return only ? std::strtoull(only, nullptr, 10) : 1;
}
std::uint64_t last_seed() {
  if (std::getenv("SHOAL_SWARM_SEED")) return first_seed();
  const char* last = std::getenv("SHOAL_SWARM_LAST");
  return last ? std::strtoull(last, nullptr, 10) : kSeeds;
}

TEST(Swarm, EverySeedKeepsTheInvariants) {
  std::size_t faulty = 0, federated = 0;
  for (std::uint64_t seed = first_seed(); seed <= last_seed(); ++seed) {
    const Drawn drawn = Draw(seed).experiment();
    SCOPED_TRACE(fmt::format("SHOAL_SWARM_SEED={}\n{}", seed, drawn.toml));
    faulty += drawn.faulty;
    federated += drawn.federated;
    const Outcome first = run_watched(drawn, 1);
    expect_same(first, run_watched(drawn, seed % 2 == 0 ? 1 : 3));
    if (HasFailure()) return;  // the first failing seed is enough to look at
  }
  if (last_seed() < kSeeds) return;
  EXPECT_GT(faulty, last_seed() / 2);
  EXPECT_GT(federated, last_seed() / 3);
  EXPECT_LT(federated, 2 * last_seed() / 3);
}

std::string digest_line(const Outcome& outcome) {
  std::string all;
  for (const std::string& line : outcome.lines) all += line + "\n";
  ByteWriter models;
  for (const auto& [node, model] : outcome.models) models.numbers<float>(model);
  for (const auto& [node, model] : outcome.models_double) models.numbers<double>(model);
  return fmt::format("swarm {:016x} {} {}\n", outcome.trace_digest, hex(sha256(as_bytes(all))),
                     hex(sha256(models.bytes())));
}

// Prints what a parent process compares; does nothing in a run of all tests.
TEST(SwarmChild, PrintsTheDigest) {
  const char* threads = std::getenv("SHOAL_SWARM_CHILD");
  if (!threads) GTEST_SKIP() << "Swarm.SameInAFreshProcess runs it";
  const Outcome outcome =
      run_watched(Draw(first_seed()).experiment(), std::strtoull(threads, nullptr, 10));
  fmt::print("{}", digest_line(outcome));
}

std::string child(std::uint64_t seed, const char* environment) {
  std::array<char, 4096> path{};
  const ssize_t length = readlink("/proc/self/exe", path.data(), path.size() - 1);
  if (length <= 0) return {};
  const std::string command = fmt::format("SHOAL_SWARM_SEED={} {} '{}' --gtest_filter=SwarmChild.*",
                                          seed, environment, path.data());
  std::FILE* pipe = popen(command.c_str(), "r");
  if (!pipe) return {};
  std::string found;
  std::array<char, 512> line{};
  while (std::fgets(line.data(), line.size(), pipe))
    if (std::string(line.data()).starts_with("swarm ")) found = line.data();
  EXPECT_EQ(pclose(pipe), 0);
  return found;
}

TEST(Swarm, SameInAFreshProcess) {
  if (std::getenv("SHOAL_SWARM_SEED")) GTEST_SKIP() << "one seed only";
  for (std::uint64_t seed = 7; seed <= kSeeds; seed += 31) {
    SCOPED_TRACE(seed);
    const std::string found =
        child(seed, "SHOAL_SWARM_CHILD=4 LANG=de_DE.UTF-8 LC_ALL=tr_TR.UTF-8");
    const Outcome here = run_watched(Draw(seed).experiment(), 2);
    EXPECT_EQ(found, digest_line(here));
  }
}

}  // namespace
}  // namespace shoal
