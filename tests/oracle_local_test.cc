// Periodic averaging and CSER on problems made by hand: the worked examples and the reductions to
// special cases that the papers promise.
#include <cmath>

#include "shoal/codec/composition.h"

#include "tests/test_peers.h"

namespace shoal {
namespace {

Matrix random_rows(std::size_t nodes, std::size_t dimension, std::uint32_t step) {
  RandomStream stream(7, purpose("local oracle"), 0, step);
  Matrix rows(nodes, std::vector<double>(dimension));
  for (auto& row : rows)
    for (double& value : row) value = stream.normal();
  return rows;
}
std::vector<Matrix> random_pushes(std::size_t steps, std::size_t nodes, std::size_t dimension) {
  std::vector<Matrix> pushes;
  for (std::size_t step = 0; step < steps; ++step)
    pushes.push_back(random_rows(nodes, dimension, static_cast<std::uint32_t>(step)));
  return pushes;
}

std::vector<double> column_means(const Matrix& rows) {
  std::vector<double> means(rows.front().size());
  for (const auto& row : rows)
    for (std::size_t k = 0; k < means.size(); ++k)
      means[k] += row[k] / static_cast<double>(rows.size());
  return means;
}

std::string adaalter(int steps, int period, const std::string& more = "") {
  return fmt::format(
      "kind = \"local_adaalter\"\nsteps = {}\nbatch = 1\nlearning_rate = 1.0\nperiod = {}\n{}",
      steps, period, more);
}
std::string local_sgd(int steps, int period, const std::string& more = "") {
  return fmt::format(
      "kind = \"local_sgd\"\nsteps = {}\nbatch = 1\nlearning_rate = 1.0\nperiod = {}\n{}", steps,
      period, more);
}

// Gradients (1, 3) and then (1, 1); a push is minus the gradient.
TEST(AdaAlterOracle, WorkedExample) {
  const std::vector<Matrix> pushes{{{-1.0}, {-3.0}}, {{-1.0}, {-1.0}}, {{-1.0}, {-1.0}}};
  const auto models = run_method(adaalter(3, 2), pushed_problem(pushes, 3), {});
  EXPECT_NEAR(models.at(0)[0][0], -0.70710678, 1e-8);
  EXPECT_NEAR(models.at(0)[1][0], -2.12132034, 1e-8);
  for (int node : {0, 1}) {
    EXPECT_NEAR(models.at(1)[node][0], -1.99156383, 1e-8);
    // B^2 = 7 now: the next step is 1 / sqrt(7 + 1).
    EXPECT_NEAR(models.at(2)[node][0], -1.99156383 - 1.0 / std::sqrt(8.0), 1e-8);
  }
}

// B^2 = 1, eps = 1, g = 2: -2/sqrt(2), and the next denominator has 5 + 1. AdaGrad adds first.
TEST(AdaAlterOracle, AccumulatesAfterTheStep) {
  const std::vector<Matrix> pushes{{{-2.0}, {-2.0}}, {{-2.0}, {-2.0}}};
  const auto alter = run_method(adaalter(2, 1), pushed_problem(pushes, 2), {});
  EXPECT_NEAR(alter.at(0)[0][0], -1.41421356, 1e-8);
  EXPECT_NEAR(alter.at(1)[0][0], -1.41421356 - 2.0 / std::sqrt(6.0), 1e-8);
  const auto grad =
      run_method(local_sgd(2, 1, "optimizer = \"adagrad\"\n"), pushed_problem(pushes, 2), {});
  EXPECT_NEAR(grad.at(0)[0][0], -0.81649658, 1e-8);
}

// Synchronous AdaAlter, written straight from the paper.
TEST(AdaAlterOracle, EveryStepAveragedIsSynchronousAdaAlter) {
  constexpr std::size_t kSteps = 50, kNodes = 4, kDimension = 3;
  const auto pushes = random_pushes(kSteps, kNodes, kDimension);
  const auto models = run_method(adaalter(kSteps, 1), pushed_problem(pushes, kSteps), {});
  std::vector<double> x(kDimension), squares(kDimension, 1.0);
  for (std::size_t step = 0; step < kSteps; ++step) {
    for (std::size_t k = 0; k < kDimension; ++k) {
      double mean = 0.0, mean_square = 0.0;
      for (std::size_t node = 0; node < kNodes; ++node) {
        const double g = -static_cast<float>(pushes[step][node][k]);
        mean += g / kNodes;
        mean_square += g * g / kNodes;
      }
      x[k] -= mean / std::sqrt(squares[k] + 1.0);
      squares[k] += mean_square;
    }
    for (const auto& model : models.at(static_cast<Step>(step)))
      for (std::size_t k = 0; k < kDimension; ++k) EXPECT_NEAR(model[k], x[k], 1e-13);
  }
}

// H = 3 with everything the method can do, written out: t' grows between means, steps ramp up, long
// gradients are cut, weights decay beside the adaptive step.
TEST(AdaAlterOracle, LocalStepsFollowThePaper) {
  constexpr std::size_t kSteps = 20, kNodes = 3, kDimension = 4;
  const auto pushes = random_pushes(kSteps, kNodes, kDimension);
  const auto models =
      run_method(adaalter(kSteps, 3,
                          "warmup_steps = 7\nsynchronous_steps = 2\nclip = 1.5\n"
                          "weight_decay = 0.05\nepsilon = 0.7\ninitial_accumulator = 1.2\n"),
                 pushed_problem(pushes, kSteps), {});
  Matrix x(kNodes, std::vector<double>(kDimension));
  Matrix running(kNodes, std::vector<double>(kDimension, 1.44)), frozen = running;
  std::size_t since_mean = 0;
  for (std::size_t step = 0; step < kSteps; ++step) {
    const double rate = std::min(1.0, (static_cast<double>(step) + 1.0) / 7.0);
    ++since_mean;
    for (std::size_t node = 0; node < kNodes; ++node) {
      double square = 0.0;
      for (const double push : pushes[step][node]) square += push * push;
      const double factor = std::min(1.0, 1.5 / std::sqrt(square));
      for (std::size_t k = 0; k < kDimension; ++k) {
        const double g = -factor * static_cast<float>(pushes[step][node][k]);
        const double guard = 0.49 * static_cast<double>(since_mean);
        x[node][k] -= rate * (g / std::sqrt(frozen[node][k] + guard) + 0.05 * x[node][k]);
        running[node][k] += g * g;
      }
    }
    if (step < 2 || (step - 1) % 3 == 0) {
      x.assign(kNodes, column_means(x));
      running.assign(kNodes, column_means(running));
      frozen = running;
      since_mean = 0;
    }
    EXPECT_LT(largest_gap(models.at(static_cast<Step>(step)), x), 1e-6) << step;
  }
}

// Workers with the same gradients are one worker, however many they are.
TEST(AdaAlterOracle, EqualWorkersAreOne) {
  const auto one = random_pushes(12, 1, 3);
  const auto copies = [&](std::size_t nodes) {
    std::vector<Matrix> pushes;
    for (const Matrix& row : one) pushes.emplace_back(nodes, row.front());
    return run_method(adaalter(12, 4), pushed_problem(pushes, 12), {});
  };
  const auto two = copies(2), five = copies(5);
  for (Step step = 0; step < 12; ++step)
    for (std::size_t k = 0; k < 3; ++k)
      EXPECT_NEAR(two.at(step)[0][k], five.at(step)[4][k], 1e-13) << step;
}

TEST(AdaAlterOracle, ZeroGradientsMoveNothing) {
  const std::vector<Matrix> pushes(6, Matrix(3, std::vector<double>(2, 0.0)));
  const auto models = run_method(adaalter(6, 2), pushed_problem(pushes, 6), {});
  for (const auto& [step, rows] : models)
    for (const auto& x : rows) EXPECT_EQ(x, std::vector<double>(2, 0.0));
}

// The placeholder grows in the paper and not in public code; they agree at H = 1 only.
TEST(AdaAlterOracle, PlaceholdersDifferBetweenMeans) {
  const auto problem = pushed_problem(random_pushes(8, 3, 4), 8);
  const std::string constant = "placeholder = \"constant\"\n";
  const auto gap = [&](int period) {
    return largest_gap(run_method(adaalter(8, period), problem, {}).at(7),
                       run_method(adaalter(8, period, constant), problem, {}).at(7));
  };
  EXPECT_EQ(gap(1), 0.0);
  EXPECT_GT(gap(4), 1e-3);
}

TEST(LocalSgdOracle, AveragesEveryPeriod) {
  const auto pushes = random_pushes(12, 3, 2);
  const auto models =
      run_method(local_sgd(12, 4, "synchronous_steps = 2\n"), pushed_problem(pushes, 12), {});
  std::vector<double> sum(2);
  for (Step step = 0; step < 12; ++step) {
    for (std::size_t node = 0; node < 3; ++node)
      for (std::size_t k = 0; k < 2; ++k) sum[k] += static_cast<float>(pushes[step][node][k]) / 3.0;
    const bool averaged = step < 2 || step == 5 || step == 9;
    for (const auto& x : models.at(step))
      for (std::size_t k = 0; k < 2; ++k) {
        if (averaged)
          EXPECT_NEAR(x[k], sum[k], 1e-12) << step;
        else
          EXPECT_GT(std::abs(x[k] - sum[k]), 1e-6) << step;
      }
  }
}

std::string cser(int steps, const std::string& more) {
  return fmt::format("kind = \"cser\"\nsteps = {}\nbatch = 1\nlearning_rate = 1.0\n{}", steps,
                     more);
}

TEST(CserOracle, WithoutACodecItIsSynchronousSgd) {
  const auto problem = pushed_problem(random_pushes(10, 4, 3), 10);
  const auto all_reduce = run_method(
      "kind = \"all_reduce_sgd\"\nsteps = 10\nbatch = 1\nlearning_rate = 1.0\n", problem, {});
  const auto same = run_method(cser(10, "period = 3\nreset_ratio = 1.0\n"), problem, {});
  for (Step step = 0; step < 10; ++step)
    EXPECT_LT(largest_gap(all_reduce.at(step), same.at(step)), 1e-12);
}

TEST(CserOracle, LocalStepsAndExactResetsAreLocalSgd) {
  const auto problem = pushed_problem(random_pushes(12, 4, 3), 12);
  const auto local = run_method(local_sgd(12, 4), problem, {});
  const auto same =
      run_method(cser(12, "period = 4\ngradients = \"local\"\nreset_ratio = 1.0\n"), problem, {});
  for (Step step = 0; step < 12; ++step)
    EXPECT_LT(largest_gap(local.at(step), same.at(step)), 1e-12);
}

// n workers, double precision, GRBS for both: what the paper promises whatever the codecs drop.
class CserInvariants : public testing::Test {
 protected:
  static constexpr std::size_t kNodes = 4, kDimension = 12, kSteps = 40;
  const std::vector<Matrix> pushes = random_pushes(kSteps, kNodes, kDimension);
  const Problem<double> problem = pushed_problem(pushes, kSteps);

  std::map<Step, Matrix> run(const std::string& more, const char* codec) {
    const auto made = make_codec(parse_toml(codec).value(), "[codec]");
    SHOAL_CHECK(made.ok(), made.error().message);
    MethodParts parts = parts_of(problem, nullptr, {});
    parts.codec = made->get();
    const auto program = method_of(cser(kSteps, more))->prepare(parts);
    SHOAL_CHECK(program.ok(), program.error().message);
    ThreadPool pool(1);
    ModelLog log;
    Simulation simulation(kNodes, {}, *program, pool);
    simulation.set_observer(&log);
    simulation.run();
    sent_bytes = simulation.traffic().total().sent_bytes;
    return std::move(log.models);
  }
  std::uint64_t sent_bytes = 0;  // of the last run
};

TEST_F(CserInvariants, TheMeanMovesAsInSgd) {
  for (const char* codec : {"kind = \"grbs\"\ncompression_ratio = 4\nblocks = 12\n",
                            "kind = \"top_k\"\nratio = 0.2\n", "kind = \"sign\"\n"}) {
    const auto models = run("period = 5\nreset_ratio = 3.0\nreset_blocks = 12\n", codec);
    std::vector<double> expected(kDimension);
    for (Step step = 0; step < kSteps; ++step)
      for (std::size_t k = 0; k < kDimension; ++k) {
        double mean = 0.0;
        for (std::size_t node = 0; node < kNodes; ++node) {
          expected[k] += static_cast<float>(pushes[step][node][k]) / double{kNodes};
          mean += models.at(step)[node][k] / double{kNodes};
        }
        ASSERT_NEAR(mean, expected[k], 1e-12) << codec << " step " << step;
      }
  }
}

// After an exact reset every model is the same; in between they part by the errors.
TEST_F(CserInvariants, AnExactResetBringsAllTogether) {
  const auto models = run("period = 5\nreset_ratio = 1.0\n",
                          "kind = \"grbs\"\ncompression_ratio = 4\nblocks = 12\n");
  for (Step step = 0; step < kSteps; ++step) {
    double spread = 0.0;
    for (std::size_t node = 1; node < kNodes; ++node)
      for (std::size_t k = 0; k < kDimension; ++k)
        spread = std::max(spread, std::abs(models.at(step)[node][k] - models.at(step)[0][k]));
    if ((step + 1) % 5 == 0)
      EXPECT_LT(spread, 1e-12) << step;
    else
      EXPECT_GT(spread, 0.1) << step;
  }
}

// Of d = 12 doubles a step sends d/R2 over the ring and every fifth one d/R1 as well: 2 (p - 1)
// turns in which each piece goes one node on, with 32 bytes of head for every node's piece.
TEST_F(CserInvariants, BytesAreThoseOfTheTwoRatios) {
  run("period = 5\nreset_ratio = 3.0\nreset_blocks = 12\n",
      "kind = \"grbs\"\ncompression_ratio = 4\nblocks = 12\n");
  const auto reduction = [](std::size_t kept) {
    return 2 * (kNodes - 1) * (8 * kept + 32 * kNodes);
  };
  EXPECT_EQ(sent_bytes, kSteps * reduction(12 / 4) + kSteps / 5 * reduction(12 / 3));
}

void add_to(Matrix& sum, const Matrix& rows, double factor) {
  for (std::size_t node = 0; node < sum.size(); ++node)
    for (std::size_t k = 0; k < sum[node].size(); ++k) sum[node][k] += factor * rows[node][k];
}

// M-CSER as the paper lists it, on all workers at once, with the blocks that the codecs draw.
class CserListing {
 public:
  CserListing(const Layout& layout, std::size_t nodes, const std::string& grbs,
              const std::string& reset_grbs)
      : layout_(layout),
        gradients_(make_codec(parse_toml(grbs).value(), "[codec]").value()),
        resets_(make_codec(parse_toml(reset_grbs).value(), "[codec]").value()),
        x(nodes, std::vector<double>(layout.size())),
        error(x) {}

  // p holds the steps of all workers.
  void step(Matrix p, Step step) {
    const Matrix left = synchronise(p, *gradients_, 2 * step);
    add_to(x, p, -1.0);
    add_to(error, left, -1.0);
  }
  void reset(Step step) {
    Matrix met = error;
    const Matrix left = synchronise(met, *resets_, 2 * step + 1);
    add_to(x, error, -1.0);
    add_to(x, met, 1.0);
    error = left;
  }

 private:
  // PSync: rows become the mean of what is kept plus what is left, which is returned.
  Matrix synchronise(Matrix& rows, const Codec& codec, Step round) const {
    std::vector<std::uint32_t> places;
    EXPECT_TRUE(dynamic_cast<const SharedPlaces&>(codec)
                    .shared_places(layout_, shared_draws(1, round), places)
                    .ok());
    Matrix left = rows;
    const std::vector<double> means = column_means(rows);
    for (std::size_t node = 0; node < rows.size(); ++node)
      for (const std::uint32_t k : places) {
        left[node][k] = 0.0;
        rows[node][k] = means[k];
      }
    return left;
  }

  const Layout& layout_;
  std::unique_ptr<Codec> gradients_, resets_;

 public:
  Matrix x, error;
};

// Both kinds of momentum, over a change of the learning rate. Models follow the listing and, less
// its errors, are the same at all workers.
TEST_F(CserInvariants, MomentumFollowsThePaper) {
  constexpr Step kPeriod = 5;
  const std::string grbs = "kind = \"grbs\"\nblocks = 12\ncompression_ratio = ";
  for (const bool nesterov : {false, true}) {
    const auto models =
        run(fmt::format("period = {}\nreset_ratio = 3.0\nreset_blocks = 12\noptimizer = \"{}\"\n"
                        "momentum = 0.8\nschedule = \"cut\"\ncut_at = 0.5\n",
                        kPeriod, nesterov ? "nesterov" : "momentum"),
            (grbs + "4\n").c_str());
    CserListing listing(problem.models->layout(), kNodes, grbs + "4\n", grbs + "3\n");
    Matrix momentum = listing.x, update = momentum;
    for (Step step = 0; step < kSteps; ++step) {
      const double rate = step < kSteps / 2 ? 1.0 : 0.1;
      for (std::size_t node = 0; node < kNodes; ++node)
        for (std::size_t k = 0; k < kDimension; ++k) {
          const double g = -static_cast<float>(pushes[step][node][k]);
          double& m = momentum[node][k];
          m = 0.8 * m + g;
          update[node][k] = rate * (nesterov ? 0.8 * m + g : m);
        }
      listing.step(update, step);
      if ((step + 1) % kPeriod == 0) listing.reset(step);
      ASSERT_LT(largest_gap(models.at(step), listing.x), 1e-5) << step;
      Matrix common = models.at(step);
      add_to(common, listing.error, -1.0);
      ASSERT_LT(largest_gap(common, Matrix(kNodes, common[0])), 1e-5) << step;
    }
  }
}

// n = 2, d = 2, H = 2, lr = 1, gradients (1,2), (3,4) and then (1,1), (1,3); the blocks drawn are
// 0, then 1, then 1 for the reset.
TEST(CserOracle, WorkedExample) {
  const char* settings = "kind = \"grbs\"\ncompression_ratio = 2\nblocks = 2\n";
  const auto codec = make_codec(parse_toml(settings).value(), "[codec]").value();
  const auto* shared = dynamic_cast<const SharedPlaces*>(codec.get());
  const std::vector<Matrix> pushes{{{-1, -2}, {-3, -4}}, {{-1, -1}, {-1, -3}}};
  const Problem<double> problem = pushed_problem(pushes, 2);
  const auto drawn = [&](std::uint64_t seed, Step round) {
    std::vector<std::uint32_t> places;
    EXPECT_TRUE(
        shared->shared_places(problem.models->layout(), shared_draws(seed, round), places).ok());
    return places.at(0);
  };
  std::uint64_t seed = 1;
  while (drawn(seed, 0) != 0 || drawn(seed, 2) != 1 || drawn(seed, 3) != 1) ++seed;
  MethodParts parts = parts_of(problem, nullptr, {});
  parts.codec = codec.get();
  parts.seed = seed;
  const auto program =
      method_of(cser(2, "period = 2\nreset_ratio = 2.0\nreset_blocks = 2\n"))->prepare(parts);
  ASSERT_TRUE(program.ok()) << program.error().message;
  ThreadPool pool(1);
  ModelLog log;
  Simulation simulation(2, {}, *program, pool);
  simulation.set_observer(&log);
  simulation.run();
  EXPECT_LT(largest_gap(log.models.at(0), Matrix{{-2, -2}, {-2, -4}}), 1e-12);
  EXPECT_LT(largest_gap(log.models.at(1), Matrix{{-3, -5}, {-3, -5}}), 1e-12);
}

}  // namespace
}  // namespace shoal
