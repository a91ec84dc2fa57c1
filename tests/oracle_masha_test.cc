// MASHA and its baselines on saddle problems whose solution is known: the card's oracles, run
// through the real programs.
#include <Eigen/Dense>
#include <cmath>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "shoal/codec/composition.h"
#include "shoal/data/saddles.h"
#include "shoal/method/variational.h"

#include "tests/test_peers.h"

namespace shoal {
namespace {

// The model of a data set of saddles, one function a worker.
Problem<double> saddle_problem(const std::shared_ptr<const Dataset>& data, double lambda,
                               std::vector<double> start, std::size_t functions = 1) {
  Problem<double> problem;
  problem.data = data;
  for (std::uint32_t row = 0; row < data->rows; ++row) {
    if (row % functions == 0) problem.rows.emplace_back();
    problem.rows.back().push_back(row);
  }
  Table table;
  table.set("kind", "bilinear_saddle");
  table.set("lambda", lambda);
  const auto factory = models().make(table, "[model]", *data);
  SHOAL_CHECK(factory.ok(), factory.error().message);
  problem.models = std::make_shared<ModelPool<double>>(factory->get()->in_double().value(), 4);
  problem.initial = std::move(start);
  return problem;
}

// f = x y at (1, 1): F = (y, -x).
Problem<double> product() {
  auto data = std::make_shared<Dataset>();
  data->rows = 1;
  data->features = 3;
  data->shape = {3};
  data->x = {0.0f, 0.0f, 1.0f};
  data->targets = {0.0f};
  return saddle_problem(data, 0.0, {1.0, 1.0});
}

Problem<double> random_saddles(std::size_t nodes, std::size_t p, std::uint64_t seed,
                               std::size_t functions = 1) {
  BilinearSaddlesSettings settings;
  settings.nodes = static_cast<std::int64_t>(nodes);
  settings.functions = static_cast<std::int64_t>(functions);
  settings.dimension = static_cast<std::int64_t>(p);
  return saddle_problem(std::make_shared<Dataset>(make_bilinear_saddles(settings, seed).value()),
                        0.1, std::vector<double>(2 * p), functions);
}

std::unique_ptr<Codec> codec_of(const std::string& toml) {
  const auto table = parse_toml(toml);
  SHOAL_CHECK(table.ok(), table.error().message);
  auto codec = make_codec(*table, "[codec]");
  SHOAL_CHECK(codec.ok(), codec.error().message);
  return std::move(codec).value();
}

struct Ran {
  std::map<Step, Matrix> models;  // [step][node]; node 0 is the server
  std::map<std::string, double> figures;
  Traffic traffic;
  const std::vector<double>& server(Step step) const { return models.at(step)[0]; }
};

Ran run(const std::string& method, const Problem<double>& problem, const Codec* codec = nullptr,
        std::uint64_t seed = 1) {
  MethodParts parts = parts_of(problem, nullptr, {});
  parts.codec = codec;
  parts.seed = seed;
  const auto program = method_of(method)->prepare(parts);
  SHOAL_CHECK(program.ok(), program.error().message);
  ThreadPool pool(1);
  Conditions conditions;
  conditions.seed = seed;
  conditions.servers = 1;
  ModelLog log;
  Simulation simulation(problem.workers() + 1, conditions, *program, pool);
  simulation.set_observer(&log);
  simulation.run();
  return {std::move(log.models), std::move(log.figures), simulation.traffic()};
}

std::string method(const char* kind, int iterations, double gamma, const std::string& more = "") {
  return fmt::format("kind = \"{}\"\niterations = {}\ngamma = {}\n", kind, iterations, gamma) +
         more;
}

double squared(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum;
}

void expect_point(const std::vector<double>& found, const std::vector<double>& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], expected[i], 1e-12) << i;
}

// --- Data and model ---

TEST(Saddles, TheOperatorIsMonotoneAndZeroAtTheSolution) {
  const auto problem = random_saddles(5, 6, 3);
  auto* model = dynamic_cast<VariationalOperator<double>*>(&problem.models->mine());
  ASSERT_NE(model, nullptr);
  Rows all{0, 1, 2, 3, 4};
  const Batch batch{problem.data.get(), all};
  RandomStream stream(1, purpose("points"));
  std::vector<double> u(12), v(12), at_u(12), at_v(12);
  for (int trial = 0; trial < 100; ++trial) {
    for (double& value : u) value = stream.normal();
    for (double& value : v) value = stream.normal();
    model->variational_operator(u, batch, at_u);
    model->variational_operator(v, batch, at_v);
    double product = 0.0;
    for (std::size_t i = 0; i < 12; ++i) product += (at_u[i] - at_v[i]) * (u[i] - v[i]);
    EXPECT_NEAR(product, 0.1 * squared(u, v), 1e-9);  // the bilinear part turns, lambda pulls
  }
  const auto solution = saddle_point(*problem.data, 0.1).value();
  model->variational_operator(solution, batch, at_u);
  for (const double value : at_u) EXPECT_NEAR(value, 0.0, 1e-12);
}

TEST(Saddles, TheOperatorIsTheGradientWithTheSignOfYTurned) {
  const auto problem = random_saddles(3, 4, 5);
  Model<double>& model = problem.models->mine();
  auto& variational = dynamic_cast<VariationalOperator<double>&>(model);
  const Rows rows{0, 2};
  const Batch batch{problem.data.get(), rows};
  const std::vector<double> z = {0.3, -1, 2, 0.5, 1, 0.25, -0.75, 0.1};
  std::vector<double> gradient(8), f(8), ahead = z, behind = z;
  model.gradient(z, batch, gradient);
  variational.variational_operator(z, batch, f);
  for (std::size_t i = 0; i < 8; ++i) {
    EXPECT_EQ(f[i], i < 4 ? gradient[i] : -gradient[i]);
    ahead = behind = z;
    ahead[i] += 1e-5;
    behind[i] -= 1e-5;
    const double slope =
        (model.evaluate(ahead, batch).loss - model.evaluate(behind, batch).loss) / 2e-5;
    EXPECT_NEAR(slope, gradient[i], 1e-8);
  }
}

TEST(RobustLogistic, GradientAndOperatorFitTheLoss) {
  Dataset data;
  data.name = "rows";
  data.rows = 20;
  data.features = 4;
  data.shape = {4};
  data.classes = 2;
  RandomStream stream(2, purpose("rows"));
  for (int i = 0; i < 80; ++i) data.x.push_back(static_cast<float>(stream.normal()));
  for (int i = 0; i < 20; ++i) data.labels.push_back(i % 2);
  Table table;
  table.set("kind", "robust_logistic");
  const auto factory = models().make(table, "[model]", data);
  ASSERT_TRUE(factory.ok());
  const auto model = factory->get()->in_double().value()();
  Rows rows(20);
  for (std::uint32_t i = 0; i < 20; ++i) rows[i] = i;
  const Batch batch{&data, rows};
  std::vector<double> z(9), gradient(9), f(9);
  for (double& value : z) value = 0.5 * stream.normal();
  EXPECT_NEAR(model->gradient(z, batch, gradient), model->evaluate(z, batch).loss, 1e-12);
  dynamic_cast<VariationalOperator<double>&>(*model).variational_operator(z, batch, f);
  for (std::size_t i = 0; i < 9; ++i) {
    std::vector<double> ahead = z, behind = z;
    ahead[i] += 1e-5;
    behind[i] -= 1e-5;
    const double slope =
        (model->evaluate(ahead, batch).loss - model->evaluate(behind, batch).loss) / 2e-5;
    EXPECT_NEAR(slope, gradient[i], 1e-8) << i;
    EXPECT_EQ(f[i], i < 5 ? gradient[i] : -gradient[i]) << i;
  }
}

// --- Oracles ---

TEST(MashaOracle, ExtragradientOfAProduct) {
  for (const std::string& kind :
       {method("extragradient", 1, 0.5), method("masha1", 1, 0.5, "tau = 0.0\n"),
        method("masha2", 1, 0.5, "tau = 0.0\n")}) {
    const Ran ran = run(kind, product());
    for (const auto& point : ran.models.at(0)) expect_point(point, {0.25, 1.25});
  }
}

// The card's two iterations; a seed whose first draw keeps the anchor and whose second moves it.
TEST(MashaOracle, Masha2OfAProductByHand) {
  std::uint64_t seed = 1;
  while (draws_anchor(seed, 0.5, 0) || !draws_anchor(seed, 0.5, 1)) ++seed;
  const auto top = codec_of("kind = \"top_k\"\nk = 1\nscope = \"global\"\n");
  const Ran ran = run(method("masha2", 3, 0.5, "tau = 0.5\n"), product(), top.get(), seed);
  expect_point(ran.server(0), {0.25, 1.5});
  expect_point(ran.server(1), {0.125, 1.0625});
  EXPECT_EQ(ran.figures.at("anchor"), 2.0);  // the first one, and after the second iteration
  // The third: w = z, zh = z - F(z) / 2 = (-.40625, 1.125), F(zh) - F(z) = (.0625, .53125),
  // v = (.03125 + .375, .265625), message (.40625, 0).
  expect_point(ran.server(2), {-0.8125, 1.125});
}

TEST(MashaOracle, Masha2WithoutCompressionIsMasha1) {
  const auto problem = random_saddles(4, 5, 7);
  const Ran one = run(method("masha1", 50, 0.2), problem);
  const Ran two = run(method("masha2", 50, 0.2), problem);
  for (Step step = 0; step < 50; ++step)
    for (std::size_t i = 0; i < 10; ++i)
      EXPECT_NEAR(one.server(step)[i], two.server(step)[i], 1e-5);  // float32 between
}

TEST(MashaOracle, TheSolutionIsAFixedPointOfAnyCodec) {
  Problem<double> problem = product();
  problem.initial = {0.0, 0.0};
  const auto rand = codec_of("kind = \"rand_k\"\nk = 1\nscope = \"global\"\n");
  const auto top = codec_of("kind = \"top_k\"\nk = 1\nscope = \"global\"\n");
  const Ran one = run(method("masha1", 20, 0.3), problem, rand.get());
  const Ran two = run(method("masha2", 20, 0.3), problem, top.get());
  expect_point(one.server(19), {0.0, 0.0});
  expect_point(two.server(19), {0.0, 0.0});
  Problem<double> saddles = random_saddles(5, 4, 2);
  saddles.initial = saddle_point(*saddles.data, 0.1).value();
  const Ran three = run(method("masha1", 20, 0.1), saddles, rand.get());
  EXPECT_LT(squared(three.server(19), saddles.initial), 1e-12);
}

// One step of masha1 over many seeds: on average that of extragradient.
TEST(MashaOracle, UnbiasedCompressionKeepsTheStepOnAverage) {
  Problem<double> problem = random_saddles(3, 2, 9);
  problem.initial = {1.0, -1.0, 0.5, 2.0};
  const auto exact = run(method("extragradient", 1, 0.3), problem).server(0);
  for (const char* server : {"", "common_draws = true\n",
                             "server_codec = [\"kind=rand_k\", \"k=2\", \"scope=global\"]\n"})
    for (const char* mode : {"node", "shared"}) {
      const auto rand = codec_of(
          fmt::format("kind = \"rand_k\"\nk = 1\nscope = \"global\"\nseed_mode = \"{}\"\n", mode));
      constexpr int kSeeds = 4000;
      std::vector<double> mean(4), square(4);
      for (int seed = 1; seed <= kSeeds; ++seed) {
        const auto z = run(method("masha1", 1, 0.3, server), problem, rand.get(),
                           static_cast<std::uint64_t>(seed))
                           .server(0);
        for (std::size_t i = 0; i < 4; ++i) {
          mean[i] += z[i] / kSeeds;
          square[i] += z[i] * z[i] / kSeeds;
        }
      }
      for (std::size_t i = 0; i < 4; ++i) {
        const double error = std::sqrt((square[i] - mean[i] * mean[i]) / kSeeds);
        EXPECT_GT(error, 0.0);
        EXPECT_NEAR(mean[i], exact[i], 5.0 * error) << mode << server << i;
      }
    }
}

TEST(MashaOracle, UplinkIsAsExpected) {
  const auto problem = random_saddles(1, 20, 1);
  const auto rand =
      codec_of("kind = \"rand_k\"\nk = 8\nscope = \"global\"\nseed_mode = \"shared\"\n");
  constexpr int kIterations = 10000;
  const Ran ran = run(method("masha1", kIterations, 0.05), problem, rand.get());
  double bytes = 0.0;
  for (const auto& [tag, flow] : ran.traffic.by_tag())
    if (tag == kDeltaTag || tag == kAnchorTag)
      bytes += static_cast<double>(flow.sent_bytes) - 32.0 * static_cast<double>(flow.frames);
  const double values = bytes / 4.0 / kIterations;
  EXPECT_NEAR(values / (8.0 + 0.2 * 40.0), 1.0, 0.02);
}

TEST(MashaOracle, ExtragradientNeverMovesAway) {
  const auto problem = random_saddles(4, 6, 4);
  const auto solution = saddle_point(*problem.data, 0.1).value();
  // 1 / L is above 0.3: |A| < 3 for the mean of four.
  const Ran ran = run(method("extragradient", 200, 0.3), problem);
  double before = squared(problem.initial, solution);
  for (Step step = 0; step < 200; ++step) {
    const double now = squared(ran.server(step), solution);
    EXPECT_LE(now, before * (1.0 + 1e-6) + 1e-12);
    before = now;
  }
  EXPECT_LT(before, 1e-3);
}

// --- Variants ---

TEST(Masha, EveryVariantReachesTheSolutionAndTheNaiveOnesDoNot) {
  const auto problem = random_saddles(5, 20, 1);
  const auto solution = saddle_point(*problem.data, 0.1).value();
  const double start = squared(problem.initial, solution);
  const auto rand = codec_of("kind = \"rand_k\"\nk = 8\nscope = \"global\"\n");
  const auto top = codec_of("kind = \"top_k\"\nk = 8\nscope = \"global\"\n");
  const auto error = [&](const std::string& text, const Codec* codec) {
    const Ran ran = run(text, problem, codec);
    const Matrix& last = ran.models.rbegin()->second;
    for (std::size_t node = 1; node < last.size(); ++node) EXPECT_EQ(last[node], last[0]);
    return squared(last[0], solution) / start;
  };
  const std::string both = "server_codec = [\"kind=top_k\", \"k=20\", \"scope=global\"]\n";
  const std::string both_1 = "server_codec = [\"kind=rand_k\", \"k=20\", \"scope=global\"]\n";
  EXPECT_LT(error(method("masha1", 2000, 0.1), rand.get()), 1e-8);
  EXPECT_LT(error(method("masha2", 2000, 0.1), top.get()), 1e-8);
  EXPECT_LT(error(method("masha1", 2000, 0.1, "participants = 3\n"), rand.get()), 1e-8);
  EXPECT_LT(error(method("masha2", 2000, 0.1, "participants = 3\n"), top.get()), 1e-8);
  EXPECT_LT(error(method("masha1", 2000, 0.1, both_1), rand.get()), 1e-7);
  EXPECT_LT(error(method("masha2", 2000, 0.1, both), top.get()), 1e-8);
  EXPECT_GT(error(method("qsgda", 2000, 0.1), rand.get()), 1e-2);
  EXPECT_GT(error(method("compressed_extragradient", 2000, 0.1), rand.get()), 1e-2);
}

TEST(Masha, BatchesOfAWorkersFunctionsReachTheSolution) {
  const auto problem = random_saddles(3, 5, 6, 4);
  const auto solution = saddle_point(*problem.data, 0.1).value();
  const auto rand = codec_of("kind = \"rand_k\"\nk = 4\nscope = \"global\"\n");
  const auto top = codec_of("kind = \"top_k\"\nk = 4\nscope = \"global\"\n");
  for (const char* kind : {"masha1", "masha2"}) {
    const Codec* codec = kind[5] == '1' ? rand.get() : top.get();
    const Ran ran = run(method(kind, 4000, 0.1, "batch = 1\n"), problem, codec);
    EXPECT_LT(squared(ran.server(3999), solution) / squared(problem.initial, solution), 1e-8);
  }
}

// Matrix game x' A y on the simplices: with A = I the even mixture is the only solution.
TEST(Masha, ConstraintsAreKept) {
  auto data = std::make_shared<Dataset>();
  data->rows = 1;
  data->features = 15;
  data->shape = {15};
  data->x = {0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1};
  data->targets = {0.0f};
  const auto problem = saddle_problem(data, 0.0, {1.0, 0, 0, 0, 1.0, 0});
  const auto rand = codec_of("kind = \"rand_k\"\nk = 3\nscope = \"global\"\n");
  const Ran ran =
      run(method("masha1", 3000, 0.1, "constraint = \"simplex\"\n"), problem, rand.get());
  for (const auto& [step, points] : ran.models) {
    double sum = 0.0;
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_GE(points[0][i], 0.0);
      sum += points[0][i];
    }
    ASSERT_NEAR(sum, 1.0, 1e-12);
  }
  for (const double value : ran.server(2999)) EXPECT_NEAR(value, 1.0 / 3.0, 1e-3);
}

// A model without an operator of its own: its gradient is one.
TEST(Masha, MinimisesPlainLosses) {
  const auto problem = quadratic_problem<double>({{1.0, 2.0}, {3.0, -4.0}}, {1.0, 1.0});
  const auto top = codec_of("kind = \"top_k\"\nk = 1\nscope = \"global\"\n");
  const Ran ran = run(method("masha2", 500, 0.3, "tau = 0.5\n"), problem, top.get());
  EXPECT_LT(squared(ran.server(499), {2.0, -1.0}), 1e-10);
}

TEST(Masha, GoesOnWithoutThoseWhoAreSilent) {
  const auto problem = random_saddles(5, 4, 8);
  MethodParts parts = parts_of(problem, nullptr, {});
  parts.patience_s = 1.0;
  const auto program = method_of(method("masha1", 2000, 0.1))->prepare(parts);
  ASSERT_TRUE(program.ok());
  ThreadPool pool(1);
  Conditions conditions;
  conditions.servers = 1;
  conditions.faults.crash_at = {2, 1.0};
  ModelLog log;
  Simulation simulation(6, conditions, *program, pool);
  simulation.set_observer(&log);
  simulation.run();
  EXPECT_TRUE(simulation.crashed(2));
  ASSERT_EQ(log.models.size(), 2000u);
  EXPECT_LT(log.figures["lost"], 2000.0);  // one, and not from the beginning
  EXPECT_EQ(log.models.rbegin()->second[5], log.models.rbegin()->second[0]);
  // The solution is that of the four who are left.
  Dataset rest = *problem.data;
  rest.x.erase(rest.x.begin() + static_cast<std::ptrdiff_t>(rest.features),
               rest.x.begin() + static_cast<std::ptrdiff_t>(2 * rest.features));
  rest.rows = 4;
  const auto solution = saddle_point(rest, 0.1).value();
  EXPECT_LT(squared(log.models.rbegin()->second[0], solution) / squared(problem.initial, solution),
            1e-6);
}

// --- Refusals ---

TEST(MashaRefusals, SayWhichCodecsAMethodTakes) {
  const auto problem = random_saddles(3, 4, 1);
  const auto refused = [&](const std::string& text, const std::string& codec_text) {
    const auto codec = codec_of(codec_text);
    MethodParts parts = parts_of(problem, nullptr, {});
    parts.codec = codec.get();
    const auto program = method_of(text)->prepare(parts);
    return program.ok() ? std::string() : program.error().message;
  };
  const std::string top = "kind = \"top_k\"\nk = 1\n", rand = "kind = \"rand_k\"\nk = 1\n";
  EXPECT_NE(refused(method("masha1", 1, 0.1), top).find("unbiased"), std::string::npos);
  EXPECT_NE(refused(method("masha2", 1, 0.1), rand).find("contractive"), std::string::npos);
  EXPECT_NE(refused(method("ef_gda", 1, 0.1), rand).find("contractive"), std::string::npos);
  EXPECT_NE(refused(method("extragradient", 1, 0.1), rand).find("leave [codec] out"),
            std::string::npos);
  EXPECT_EQ(refused(method("masha1", 1, 0.1), rand), "");
  EXPECT_EQ(refused(method("masha2", 1, 0.1), top), "");
  EXPECT_NE(refused(method("masha1", 1, 0.1, "server_codec = [\"kind=top_k\", \"k=1\"]\n"), rand)
                .find("server_codec"),
            std::string::npos);
  EXPECT_NE(refused(method("masha1", 1, 0.1, "participants = 4\n"), rand).find("4 participants"),
            std::string::npos);
  Table table;
  table.set("kind", "masha2");
  table.set("constraint", "box");
  EXPECT_FALSE(methods().make(table, "[method]").ok());
}

TEST(MashaRefusals, MalformedMessagesAreNotTakenIn) {
  const auto problem = random_saddles(3, 4, 1);
  const auto top = codec_of("kind = \"top_k\"\nk = 1\nscope = \"global\"\n");
  MethodParts parts = parts_of(problem, nullptr, {});
  parts.codec = top.get();
  const auto check = method_of(method("masha2", 9, 0.1))->content_check(parts);
  ASSERT_TRUE(check.ok());
  const auto taken = [&](Tag tag, auto fill) {
    MessageBuilder builder(tag, 1);
    fill(builder);
    const Frame frame = builder.finish();
    return (*check)(Message(1, frame, *read_frame_header(*frame)), 0).ok();
  };
  std::vector<float> f(8, 1.0f);
  EXPECT_TRUE(taken(kAnchorTag, [&](auto& m) { m.template vector<float>("f", f); }));
  EXPECT_FALSE(taken(kAnchorTag, [&](auto& m) {
    m.template vector<float>("f", std::span<const float>(f).first(7));
  }));
  f[3] = HUGE_VALF;
  EXPECT_FALSE(taken(kAnchorTag, [&](auto& m) { m.template vector<float>("f", f); }));
  ByteWriter encoded;
  f[3] = 2.0f;
  ASSERT_TRUE(top->encode(f, problem.models->layout(), device_draws(1, 1, 1, false), encoded).ok());
  EXPECT_TRUE(taken(kDeltaTag, [&](auto& m) { m.tensor("row", encoded.bytes()); }));
  EXPECT_FALSE(taken(kAnswerTag, [&](auto& m) { m.tensor("row", encoded.bytes()); }));  // dense
  EXPECT_FALSE(taken(kDeltaTag, [&](auto& m) { m.tensor("row", Bytes(3)); }));
  EXPECT_FALSE(taken(tag("update"), [](auto&) {}));
}

}  // namespace
}  // namespace shoal
