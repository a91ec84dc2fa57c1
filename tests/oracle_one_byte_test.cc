// Just One Byte on small quadratics: the card's oracles, a run driven by hand with its log at hand,
// and runs in the simulation, with everything going wrong, that must not fork.
#include <cmath>
#include <cstring>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <limits>

#include "shoal/method/one_byte_coordinator.h"
#include "shoal/method/one_byte_worker.h"

#include "tests/test_peers.h"
#include "tests/test_runs.h"

namespace shoal {
namespace {

// f_i(x) = (1 + i / 4) / 2 ||x - a_i||^2 in d unknowns, from x = 1.
template <class Scalar>
Problem<Scalar> problem_of(std::size_t nodes, std::size_t d) {
  std::vector<double> curvature(nodes);
  for (std::size_t i = 0; i < nodes; ++i) curvature[i] = 1.0 + 0.25 * static_cast<double>(i);
  return quadratic_problem<Scalar>(random_matrix(nodes, d, 3), curvature, Scalar{1});
}

OneByteSettings settings_of(std::int64_t rounds) {
  OneByteSettings settings;
  settings.rounds = rounds;
  settings.batch = 0;
  settings.learning_rate = 0.01;
  settings.hash_every = 4;
  settings.restore_every = 4;
  return settings;
}

// The classes of a run without a world: every frame arrives at once.
template <class Scalar>
class HandRun {
 public:
  HandRun(const OneByteSettings& settings, const Problem<Scalar>& problem)
      : node_pool_(1), world_(problem.workers() + 1, Conditions(), idle(), node_pool_) {
    MethodParts parts;
    if constexpr (std::is_same_v<Scalar, float>)
      parts.in_float = &problem;
    else
      parts.in_double = &problem;
    auto made = make_one_byte_job<Scalar>(settings, parts, problem);
    SHOAL_CHECK(made.ok(), made.error().message);
    job = *made;
    coordinator = std::make_unique<OneByteCoordinator<Scalar>>(job);
    for (const NodeId id : job->workers) {
      nodes_.push_back(std::make_unique<Node>(id, world_));
      workers.push_back(std::make_unique<OneByteWorker<Scalar>>(*nodes_.back(), job));
    }
  }

  // One round, up to its slopes; `absent` hears nothing and says nothing.
  void round(Step step, NodeId absent = 0) {
    const Arrivals standings = std::move(standings_);
    standings_ = Arrivals();
    if (step > 0)
      for (const auto& [to, frame] : coordinator->answers(step, standings))
        if (to != absent) deliver(to, frame);
    const Frame opening = coordinator->opening(step);
    Arrivals slopes;
    for (const NodeId id : job->workers) {
      if (id == absent) continue;
      deliver(id, opening);
      OneByteWorker<Scalar>& worker = *workers[id - 1];
      if (!worker.is_due()) continue;
      worker.find_slopes();
      slopes.messages.push_back(message_of(id, worker.slopes()));
    }
    coordinator->close(step, slopes);
  }
  void run(Step rounds) {
    for (Step step = 0; step < rounds; ++step) round(step);
  }
  static Message message_of(NodeId from, const Frame& frame) {
    return Message(from, frame, *read_frame_header(*frame));
  }

  std::shared_ptr<const OneByteJob<Scalar>> job;
  std::unique_ptr<OneByteCoordinator<Scalar>> coordinator;
  std::vector<std::unique_ptr<OneByteWorker<Scalar>>> workers;

 private:
  static Program idle() {
    return [](Node&) -> Task<> { co_return; };
  }
  void deliver(NodeId to, const Frame& frame) {
    OneByteWorker<Scalar>& worker = *workers[to - 1];
    const Message message = message_of(kCoordinator, frame);
    const Status taken = worker.take(message);
    SHOAL_CHECK(taken.ok(), taken.error().message);
    if (const auto here = worker.standing(message))
      standings_.messages.push_back(message_of(to, *here));
    worker.apply_heard();
  }

  ThreadPool node_pool_;
  Simulation world_;
  std::vector<std::unique_ptr<Node>> nodes_;
  Arrivals standings_;
};

template <class Scalar>
bool same(std::span<const Scalar> a, std::span<const Scalar> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

// --- Oracles ---

// f = (x1^2 + 4 x2^2) / 2 at (1, 1): along (1, -1) the slope is -3 whatever eps.
TEST(OneByteOracle, SlopesOfAQuadraticAreExact) {
  Problem<double> problem = quadratic_problem<double>({{0.0, 0.0}}, {1.0}, 1.0);
  auto data = std::make_shared<Dataset>(*problem.data);
  data->x[5] = 4.0f;  // a, then H = diag(1, 4)
  problem.data = data;
  for (const double eps : {1e-4, 1e-2, 1.0, 10.0}) {
    OneByteSettings settings = settings_of(1);
    settings.eps = eps;
    settings.samples = 16;
    settings.code = SlopeCode::kF32;
    settings.directions = DirectionLaw::kRademacher;
    HandRun<double> run(settings, problem);
    run.round(0);
    ByteReader in(run.coordinator->log().rounds(0, 1));
    const auto counted = read_round(run.job->shape, in);
    ASSERT_TRUE(counted.ok());
    std::vector<float> z(2);
    bool met = false;
    for (std::uint32_t s = 0; s < 16; ++s) {
      run.job->directions.fill({0, 1, s}, 0, z);
      EXPECT_NEAR(counted->slopes[s], z[0] + 4.0 * z[1], 1e-6);
      met = met || (z[0] == 1.0f && z[1] == -1.0f);
    }
    EXPECT_TRUE(met);
  }
}

TEST(OneByteOracle, RootOfOneSampleIsTheMean) {
  const auto problem = problem_of<float>(1, 300);
  OneByteSettings settings = settings_of(20);
  HandRun<float> mean(settings, problem);
  settings.norm = SlopeNorm::kSqrt;
  HandRun<float> root(settings, problem);
  mean.run(20);
  root.run(20);
  EXPECT_TRUE(same(mean.coordinator->parameters(), root.coordinator->parameters()));
  const auto two = problem_of<float>(2, 300);
  HandRun<float> root_of_two(settings, two);
  settings.norm = SlopeNorm::kMean;
  HandRun<float> mean_of_two(settings, two);
  root_of_two.run(1);
  mean_of_two.run(1);
  for (std::size_t i = 0; i < 300; ++i)
    EXPECT_NEAR(root_of_two.coordinator->parameters()[i] - 1.0f,
                std::sqrt(2.0) * (mean_of_two.coordinator->parameters()[i] - 1.0f), 1e-6);
}

template <class Scalar>
void expect_replayable(const OneByteSettings& settings) {
  const auto problem = problem_of<Scalar>(5, 150);
  HandRun<Scalar> run(settings, problem);
  const auto rounds = static_cast<Step>(settings.rounds);
  for (Step step = 0; step < rounds; ++step) {
    run.round(step);
    ASSERT_EQ(run.coordinator->figures().forked, 0u);
    ASSERT_EQ(run.coordinator->figures().samples, 5u * run.job->samples());
  }
  const auto replayed = replay_log<Scalar>(*run.job, run.coordinator->log(), rounds);
  EXPECT_TRUE(same<Scalar>(replayed, run.coordinator->parameters()));
  EXPECT_FALSE(same<Scalar>(replayed, problem.initial));
  // The workers have applied all but the last round.
  const auto before = replay_log<Scalar>(*run.job, run.coordinator->log(), rounds - 1);
  for (const auto& worker : run.workers) {
    double gap = 0.0;
    for (std::size_t i = 0; i < before.size(); ++i)
      gap = std::max(gap, std::abs(static_cast<double>(worker->parameters()[i] - before[i])));
    EXPECT_LE(gap, settings.evaluate == Evaluating::kCopy ? 0.0 : 1e-5);
  }
}

TEST(OneByteLog, WithTheInitialParametersIsTheModel) {
  for (const SlopeCode code :
       {SlopeCode::kByte, SlopeCode::kByteStochastic, SlopeCode::kF32, SlopeCode::kSign})
    for (const Evaluating evaluate : {Evaluating::kCopy, Evaluating::kInPlace}) {
      OneByteSettings settings = settings_of(12);
      settings.code = code;
      settings.evaluate = evaluate;
      settings.samples = 2;
      expect_replayable<float>(settings);
      expect_replayable<double>(settings);
    }
}

TEST(OneByteLog, SavesAndLoads) {
  const auto problem = problem_of<float>(3, 40);
  HandRun<float> run(settings_of(9), problem);
  run.run(6);
  HandRun<float> other(settings_of(9), problem);
  const auto copy = [](const Persistent& from, Persistent& to) {
    ByteWriter out;
    from.save(out);
    ByteReader in(out.bytes());
    ASSERT_TRUE(to.load(in).ok());
    ASSERT_TRUE(in.done());
  };
  copy(*run.coordinator, *other.coordinator);
  for (std::size_t i = 0; i < 3; ++i) copy(*run.workers[i], *other.workers[i]);
  for (Step step = 6; step < 9; ++step) {
    run.round(step);
    other.round(step);
  }
  EXPECT_TRUE(same(run.coordinator->parameters(), other.coordinator->parameters()));
  EXPECT_EQ(run.coordinator->log().size(), 9u);
}

// --- What goes wrong ---

TEST(OneByteRun, AWorkerThatForkedBeginsAnewFromTheLog) {
  const auto problem = problem_of<float>(4, 500);
  HandRun<float> run(settings_of(20), problem);
  run.run(6);
  run.workers[2]->parameters()[123] += 1e-6f;
  run.round(6);
  run.round(7);
  EXPECT_EQ(run.coordinator->figures().forked, 0u);  // compared every 4 rounds
  run.round(8);
  EXPECT_EQ(run.coordinator->figures().forked, 1u);
  EXPECT_EQ(run.coordinator->figures().samples, 3u);  // its slope does not count
  for (Step step = 9; step < 20; ++step) {
    run.round(step);
    EXPECT_EQ(run.coordinator->figures().forked, 0u);
    EXPECT_EQ(run.coordinator->figures().samples, 4u);
  }
  EXPECT_TRUE(same<float>(run.workers[2]->parameters(), run.workers[0]->parameters()));
}

TEST(OneByteRun, OneThatMissedRoundsIsSentThem) {
  const auto problem = problem_of<float>(4, 500);
  HandRun<float> run(settings_of(20), problem);
  for (Step step = 0; step < 10; ++step) run.round(step, step >= 3 ? 2 : 0);
  EXPECT_EQ(run.workers[1]->round(), 2u);
  EXPECT_EQ(run.coordinator->awaited(), 3u);
  run.round(10);  // it hears the opening and says where it stands
  EXPECT_EQ(run.workers[1]->round(), 2u);
  run.round(11);  // the log has come
  EXPECT_EQ(run.workers[1]->round(), 11u);
  EXPECT_EQ(run.coordinator->figures().samples, 4u);
  EXPECT_EQ(run.coordinator->awaited(), 4u);
  EXPECT_TRUE(same<float>(run.workers[1]->parameters(), run.workers[0]->parameters()));
}

// A loss without a value, at one worker.
class Hollow : public Pushed {
 public:
  Hollow() : Pushed(3) {}
  Evaluation evaluate(std::span<const double> x, const Batch& batch) override {
    if (batch.rows.front() == 1) return {std::numeric_limits<double>::quiet_NaN(), 0.0};
    return {x[0] + x[1] + x[2], 0.0};
  }
};

TEST(OneByteRun, ALossWithoutAValueIsSentAsZeroAndSaid) {
  Problem<double> problem = pushed_problem({{{0, 0, 0}, {0, 0, 0}}}, 1);
  problem.models =
      std::make_shared<ModelPool<double>>([] { return std::make_unique<Hollow>(); }, 4);
  for (const SlopeCode code : {SlopeCode::kByte, SlopeCode::kF32, SlopeCode::kSign}) {
    OneByteSettings settings = settings_of(1);
    settings.code = code;
    HandRun<double> run(settings, problem);
    run.round(0);
    EXPECT_EQ(run.coordinator->figures().not_finite, 1u);
    ByteReader in(run.coordinator->log().rounds(0, 1));
    const auto counted = read_round(run.job->shape, in);
    ASSERT_TRUE(counted.ok());
    if (code == SlopeCode::kSign) {
      EXPECT_EQ(counted->workers, std::vector<std::uint32_t>{0});
    } else {
      ASSERT_EQ(counted->slopes.size(), 2u);
      EXPECT_NE(counted->slopes[0], 0.0);
      EXPECT_EQ(counted->slopes[1], 0.0);
    }
    for (const double value : run.coordinator->parameters()) EXPECT_TRUE(std::isfinite(value));
  }
}

TEST(OneByteClip, CutsToTheMedianSizeOfThoseThatAreNotZero) {
  EXPECT_EQ(clipped_slopes({0, 0, 0, 1, -2, 3, -2000}, 5.0),
            (std::vector<double>{0, 0, 0, 1, -2, 3, -10}));
  EXPECT_EQ(clipped_slopes({0, 0}, 5.0), (std::vector<double>{0, 0}));
  EXPECT_EQ(clipped_slopes({1, 1, 1000}, 0.0), (std::vector<double>{1, 1, 1000}));
  EXPECT_EQ(clipped_slopes({}, 5.0), std::vector<double>());
}

// --- In the simulation ---

// Models of all nodes, in rounds where more than one is known: none differs.
void expect_one_model(const std::map<Step, Matrix>& models, std::size_t nodes) {
  std::size_t compared = 0;
  for (const auto& [step, of_step] : models) {
    ASSERT_FALSE(of_step.empty());
    const auto& own = of_step[kCoordinator];
    if (own.empty()) continue;
    for (std::size_t node = 1; node < of_step.size(); ++node) {
      if (of_step[node].empty()) continue;
      ASSERT_EQ(of_step[node], own) << "round " << step << ", node " << node;
      ++compared;
    }
  }
  EXPECT_GE(compared, nodes);
}

constexpr char kRun[] =
    "kind = \"one_byte\"\nbatch = 0\nlearning_rate = 0.01\nhash_every = 4\n"
    "restore_every = 4\nround_deadline_s = 0.3\n";

TEST(OneByteRun, AllNodesHaveTheSameModelInEveryRound) {
  const auto problem = problem_of<float>(6, 200);
  const auto models = run_method(std::string(kRun) + "rounds = 30\n", problem, Topology());
  ASSERT_EQ(models.size(), 30u);
  for (const auto& [step, of_step] : models) ASSERT_EQ(of_step.size(), 7u);
  expect_one_model(models, 6 * 30);
  double first = 0.0, last = 0.0;
  for (const double value : models.at(0)[0]) first += value * value;
  for (const double value : models.at(29)[0]) last += value * value;
  EXPECT_LT(last, first);
}

TEST(OneByteRun, LossDuplicationReorderingLateJoinersAndCrashesForkNobody) {
  const auto problem = problem_of<float>(8, 50);
  for (const std::uint64_t seed : {1, 2, 3, 4, 5, 6}) {
    FaultSettings faults;
    faults.loss = 0.1;
    faults.duplication = 0.2;
    faults.reordering = 0.3;
    faults.reordering_delay_s = 0.2;
    faults.crash_share = 0.25;
    faults.crash_within_s = 8.0;
    faults.late_share = 0.4;
    faults.late_within_s = 6.0;
    faults.spared = 1;
    const auto method = method_of(std::string(kRun) + "rounds = 60\n");
    MethodParts parts = parts_of(problem, nullptr, {});
    parts.seed = seed;
    const auto program = method->prepare(parts);
    ASSERT_TRUE(program.ok());
    ThreadPool pool(1);
    Conditions conditions;
    conditions.seed = seed;
    conditions.faults = faults;
    conditions.servers = 1;
    ModelLog log;
    Simulation simulation(9, conditions, *program, pool);
    simulation.set_observer(&log);
    simulation.run();
    ASSERT_EQ(log.models.size(), 60u);
    EXPECT_EQ(log.figures["forked"], 0.0);
    EXPECT_EQ(log.figures["refused"], 0.0);
    expect_one_model(log.models, 100);
    // Those who came late are in: most samples of the last rounds count.
    EXPECT_GT(log.figures["samples"], 60.0);
  }
}

// One that is alone too slow for the deadline never counts; the others go on without it.
TEST(OneByteRun, LateBytesCountForNobody) {
  const std::string toml = R"(
name = "late"
seed = 3
[data]
kind = "synthetic_logistic"
rows = 200
features = 6
[partition]
kind = "iid"
[model]
kind = "logistic"
[nodes]
count = 5
flops_per_s = 1e5
stragglers = "constant"
straggler_share = 0.3
straggler_factor = 100.0
[method]
kind = "one_byte"
rounds = 20
batch = 8
round_deadline_s = 0.5
)";
  ThreadPool pool(1);
  const auto run = run_of(experiment_of(toml), pool);
  ASSERT_TRUE(run->go().ok());
  const auto& lines = run->result().lines;
  ASSERT_EQ(lines.size(), 20u);
  const double counted = *lines.back().figure("samples");
  EXPECT_LT(counted, 5.0);
  EXPECT_GE(counted, 2.0);
  EXPECT_EQ(*lines.back().figure("missing"), 5.0 - counted);
  // Only the first rounds wait for the deadline.
  EXPECT_LT(lines.back().time_s, 20 * 0.5 / 2);
}

TEST(OneByteRun, TakesOneByteASample) {
  const auto bytes = [](const char* code) {
    const std::string toml = fmt::format(
        "name = \"bytes\"\n[data]\nkind = \"synthetic_logistic\"\nrows = 100\nfeatures = 4\n"
        "[partition]\nkind = \"iid\"\n[model]\nkind = \"logistic\"\n[nodes]\ncount = 4\n"
        "[method]\nkind = \"one_byte\"\nrounds = 10\nsamples = 8\ncode = \"{}\"\n",
        code);
    ThreadPool pool(1);
    const auto run = run_of(experiment_of(toml), pool);
    SHOAL_CHECK(run->go().ok(), "a plain run");
    double sum = 0.0;
    for (const LedgerLine& line : run->result().lines) sum += *line.figure("slope_bytes");
    // Frames of 32 bytes around them.
    EXPECT_EQ(run->result().lines.back().bytes_up, sum + 10 * 4 * 32);
    return sum;
  };
  EXPECT_EQ(bytes("byte"), 10 * 4 * 8);
  EXPECT_EQ(bytes("byte_stochastic"), 10 * 4 * 8);
  EXPECT_EQ(bytes("f32"), 4 * 10 * 4 * 8);
  EXPECT_EQ(bytes("sign"), 10 * 4);
}

// --- Refusals ---

TEST(OneByteRefusals, SayWhatToChange) {
  const auto problem = problem_of<float>(2, 3);
  const Topology none;
  EXPECT_NE(
      refusal_of("kind = \"one_byte\"\nevaluate = \"in_place\"\nhash_every = 10\n", problem, none)
          .find("no multiple"),
      std::string::npos);
  const auto method = method_of("kind = \"one_byte\"\n");
  MethodParts parts = parts_of(problem, &none, {});
  parts.feedback.kind = FeedbackKind::kEf;
  EXPECT_FALSE(method->prepare(parts).ok());
}

TEST(OneByteRefusals, MalformedMessagesAreNotTakenIn) {
  const auto problem = problem_of<float>(9, 3);
  const Topology none;
  const auto check =
      method_of("kind = \"one_byte\"\nsamples = 2\n")->content_check(parts_of(problem, &none, {}));
  ASSERT_TRUE(check.ok());
  const auto taken = [&](Tag tag, Step round, auto fill) {
    MessageBuilder builder(tag, round);
    fill(builder);
    const Frame frame = builder.finish();
    return (*check)(HandRun<float>::message_of(1, frame), 0).ok();
  };
  const Bytes two(2), three(3);
  EXPECT_TRUE(taken(kSlopesTag, 4, [&](auto& m) { m.tensor("slopes", two); }));
  EXPECT_FALSE(taken(kSlopesTag, 4, [&](auto& m) { m.tensor("slopes", three); }));
  EXPECT_FALSE(taken(kSlopesTag, 4, [](auto&) {}));
  EXPECT_TRUE(taken(kHereTag, 4, [](auto& m) { m.count("next", 4); }));
  EXPECT_FALSE(taken(kHereTag, 4, [](auto& m) { m.count("next", 5); }));
  EXPECT_TRUE(taken(kRoundTag, 0, [](auto&) {}));
  EXPECT_FALSE(taken(kRoundTag, 1, [](auto&) {}));
  EXPECT_TRUE(taken(kRoundTag, 1, [&](auto& m) { m.tensor("counted", two); }));
  EXPECT_FALSE(taken(kRoundTag, 1, [&](auto& m) { m.tensor("counted", three); }));
  const Bytes beyond = {std::byte{0}, std::byte{2}};  // worker 9 of 0..8
  EXPECT_FALSE(taken(kOverTag, 1, [&](auto& m) { m.tensor("counted", beyond); }));
  EXPECT_TRUE(taken(kLogTag, 9, [&](auto& m) { m.count("from", 3).tensor("rounds", two); }));
  EXPECT_FALSE(taken(kLogTag, 9, [&](auto& m) { m.count("from", 9).tensor("rounds", two); }));
  EXPECT_FALSE(taken(kLogTag, 9, [&](auto& m) { m.count("from", 3).tensor("rounds", three); }));
  EXPECT_FALSE(taken(tag("update"), 1, [](auto&) {}));
}

// Random bytes in every part: nothing is fatal.
TEST(OneByteRefusals, GarbledMessagesAreSurvived) {
  const auto problem = problem_of<float>(9, 3);
  HandRun<float> run(settings_of(50), problem);
  run.run(3);
  RandomStream stream(5, purpose("garbled"));
  for (int i = 0; i < 3000; ++i) {
    Bytes bytes(stream.below(8));
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(stream.below(256));
    const Tag tags[] = {kRoundTag, kOverTag, kLogTag};
    MessageBuilder builder(tags[stream.below(3)], static_cast<Step>(stream.below(9)));
    builder.tensor(stream.below(2) == 0 ? "counted" : "rounds", bytes);
    builder.count("from", stream.below(9));
    HandRun<float> fresh(settings_of(50), problem);
    (void)fresh.workers[0]->take(HandRun<float>::message_of(0, builder.finish()));
    fresh.workers[0]->apply_heard();
    MessageBuilder slopes(kSlopesTag, 4);
    slopes.tensor("slopes", bytes).count("bad", stream.bits64());
    Arrivals arrivals;
    arrivals.messages.push_back(HandRun<float>::message_of(3, slopes.finish()));
    fresh.coordinator->close(0, arrivals);
    EXPECT_EQ(fresh.coordinator->figures().refused, bytes.size() == 1 ? 0u : 1u);
  }
}

}  // namespace
}  // namespace shoal
