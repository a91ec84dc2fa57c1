// What nodes show, as ledger lines. The model is f(x) = 1/2 (x - 1)^2, tested on its own row.
#include "shoal/run/recorder.h"

#include <cmath>
#include <gtest/gtest.h>

#include "shoal/model/factory.h"
#include "shoal/sim/simulation.h"

namespace shoal {
namespace {

Task<> nothing(Node&) { co_return; }

struct Bench {
  ThreadPool pool{2};
  Simulation simulation;
  std::shared_ptr<Dataset> data = std::make_shared<Dataset>();
  std::shared_ptr<ModelPool<float>> models_of_float;
  std::vector<LedgerLine> lines;

  explicit Bench(std::size_t nodes) : simulation(nodes, {}, &nothing, pool) {
    data->rows = 1;
    data->features = 2;
    data->shape = {2};
    data->targets = {0.0f};
    data->x = {1.0f, 1.0f};
    Table quadratic;
    quadratic.set("kind", "quadratic");
    auto made = models().make(quadratic, "[model]", *data).value()->in_float();
    models_of_float = std::make_shared<ModelPool<float>>(std::move(made).value(), 2);
  }
  std::unique_ptr<Recorder> recorder(ReportSchedule settings) {
    auto recorder = std::make_unique<Recorder>(simulation, simulation.size(), pool, settings,
                                               TestSet{data, {0}}, models_of_float, nullptr);
    recorder->on_line([this](const LedgerLine& line) { lines.push_back(line); });
    return recorder;
  }
};

void show(Recorder& recorder, NodeId node, Step step, float x) {
  recorder.model(node, step, std::span<const float>(&x, 1));
}

TEST(Recorder, MeansWorstAndModelOfTheMean) {
  Bench bench(3);
  const auto recorder = bench.recorder({.every = 1, .length = 2, .servers = 0});
  const std::vector<float> x = {0.0f, 2.0f, 4.0f};  // losses 0.5, 0.5, 4.5; mean model 2
  for (NodeId node = 0; node < 3; ++node) {
    EXPECT_TRUE(bench.lines.empty());
    show(*recorder, node, 0, x[node]);
    recorder->figure(node, 0, "train_loss", static_cast<double>(node));
    recorder->step_done(node, 0);
  }
  recorder->flush(false);
  ASSERT_EQ(bench.lines.size(), 1u);
  const LedgerLine& line = bench.lines[0];
  EXPECT_NEAR(line.figure("test_loss").value(), 5.5 / 3, 1e-12);
  EXPECT_EQ(line.figure("test_loss_worst"), 4.5);
  EXPECT_EQ(line.figure("test_loss_of_mean"), 0.5);
  EXPECT_NEAR(line.figure("consensus_distance").value(), 8.0 / 3, 1e-12);
  EXPECT_EQ(line.figure("train_loss"), 1.0);
  EXPECT_EQ(line.figure("test_accuracy"), std::nullopt);  // no classes
  EXPECT_EQ(recorder->final_float().at(2), (std::vector<float>{4.0f}));
}

// Wherever it stands, nothing is worse than a loss that is no number.
TEST(Recorder, NanIsTheWorstLoss) {
  for (NodeId bad = 0; bad < 3; ++bad) {
    Bench bench(3);
    const auto recorder = bench.recorder({.every = 1, .length = 1, .servers = 0});
    for (NodeId node = 0; node < 3; ++node) {
      show(*recorder, node, 0, node == bad ? NAN : 1.0f);
      recorder->step_done(node, 0);
    }
    recorder->flush(true);
    ASSERT_EQ(bench.lines.size(), 1u);
    EXPECT_TRUE(std::isnan(bench.lines[0].figure("test_loss_worst").value())) << bad;
  }
}

TEST(Recorder, ALineWaitsForWhoeverIsAlive) {
  Bench bench(2);
  const auto recorder = bench.recorder({.every = 2, .length = 5, .servers = 0});
  for (Step step = 0; step < 3; ++step) recorder->step_done(0, step);
  recorder->flush(false);
  EXPECT_TRUE(bench.lines.empty());
  recorder->step_done(1, 0);
  recorder->flush(false);
  EXPECT_EQ(bench.lines.size(), 1u);
  recorder->node_left(1);  // the others are enough from now on
  recorder->flush(false);
  EXPECT_EQ(bench.lines.size(), 3u);
  for (Step step = 0; step < 3; ++step) EXPECT_EQ(bench.lines[step].round, step);
  // Models are asked for every second round and at the end.
  EXPECT_FALSE(recorder->wants_model(0, 0));
  EXPECT_TRUE(recorder->wants_model(0, 1));
  EXPECT_TRUE(recorder->wants_model(0, 4));
}

TEST(Recorder, ALineWaitsForOneThatHasReturned) {
  Bench bench(2);
  const auto recorder = bench.recorder({.every = 1, .length = 5, .servers = 0});
  recorder->node_left(1);
  recorder->step_done(0, 0);
  recorder->flush(false);
  EXPECT_EQ(bench.lines.size(), 1u);
  recorder->node_returned(1);
  recorder->step_done(0, 1);
  recorder->flush(false);
  EXPECT_EQ(bench.lines.size(), 1u);
  recorder->step_done(1, 1);
  recorder->flush(false);
  EXPECT_EQ(bench.lines.size(), 2u);
}

// A newcomer begins behind the steps that the others did without it.
TEST(Recorder, ALineDoesNotWaitForAStepThatWasSkipped) {
  Bench bench(2);
  const auto recorder = bench.recorder({.every = 1, .length = 5, .servers = 0});
  for (Step step = 0; step < 4; ++step) recorder->step_done(0, step);
  recorder->step_done(1, 0);
  recorder->flush(false);
  EXPECT_EQ(bench.lines.size(), 1u);
  recorder->step_done(1, 3);
  recorder->flush(false);
  ASSERT_EQ(bench.lines.size(), 4u);
  for (Step step = 0; step < 4; ++step) EXPECT_EQ(bench.lines[step].round, step);
}

TEST(Recorder, WithAServerOnlyItReports) {
  Bench bench(3);
  const auto recorder = bench.recorder({.every = 1, .length = 1, .servers = 1});
  EXPECT_TRUE(recorder->wants_model(0, 0));
  EXPECT_FALSE(recorder->wants_model(1, 0));
  recorder->figure(2, 0, "train_loss", 5.0);
  recorder->step_done(2, 0);
  EXPECT_TRUE(bench.lines.empty());
  show(*recorder, 0, 0, 3.0f);
  recorder->step_done(0, 0);
  recorder->flush(true);
  ASSERT_EQ(bench.lines.size(), 1u);
  EXPECT_EQ(bench.lines[0].figure("test_loss"), 2.0);
  EXPECT_EQ(bench.lines[0].figure("test_loss_worst"), std::nullopt);
  EXPECT_EQ(bench.lines[0].figure("train_loss"), std::nullopt);
}

TEST(Recorder, WhoWasKeptAndWhoWasCaught) {
  Bench bench(6);
  const auto recorder = bench.recorder({.every = 1, .length = 4, .servers = 1});
  recorder->know_attack(std::make_shared<Liars>(std::vector<NodeId>{2, 5}), {});
  const std::vector<NodeId> senders = {1, 2, 3, 4, 5};
  recorder->selection(0, 0, senders, {{1, 3, 5}, {{2, SuspectKind::kNoise}}});
  recorder->selection(3, 0, senders, {{1}});  // no server: not in the ledger
  recorder->step_done(0, 0);
  recorder->selection(0, 1, senders, {senders});
  recorder->step_done(0, 1);
  recorder->selection(0, 2, std::vector<NodeId>{1, 3}, {{1}});
  recorder->step_done(0, 2);
  recorder->step_done(0, 3);
  ASSERT_EQ(bench.lines.size(), 4u);
  const LedgerLine& first = bench.lines[0];
  EXPECT_EQ(first.kept, (std::vector<NodeId>{1, 3, 5}));
  EXPECT_EQ(first.figure("kept_count"), 3.0);
  EXPECT_EQ(first.figure("kept_liars"), 1.0);
  EXPECT_EQ(first.figure("detection_precision"), 0.5);  // 2 and 4 are out; 2 lies
  EXPECT_EQ(first.figure("detection_recall"), 0.5);     // of 2 and 5
  EXPECT_EQ(first.figure("suspects_noise"), 1.0);
  EXPECT_EQ(first.figure("suspects_targeted"), std::nullopt);
  // Nobody left out, or no liar there: the ratio is not defined.
  EXPECT_EQ(bench.lines[1].figure("detection_precision"), std::nullopt);
  EXPECT_EQ(bench.lines[1].figure("detection_recall"), 0.0);
  EXPECT_EQ(bench.lines[2].figure("detection_precision"), 0.0);
  EXPECT_EQ(bench.lines[2].figure("detection_recall"), std::nullopt);
  EXPECT_EQ(bench.lines[3].kept, std::nullopt);
}

// Among peers: means over the honest ones, whose models alone are tested; no list.
TEST(Recorder, LyingPeersAreNotAsked) {
  Bench bench(3);
  const auto recorder = bench.recorder({.every = 1, .length = 1, .servers = 0});
  recorder->know_attack(std::make_shared<Liars>(std::vector<NodeId>{1}), {});
  const std::vector<NodeId> senders = {0, 1, 2};
  const std::vector<float> x = {0.0f, 100.0f, 2.0f};
  for (NodeId node = 0; node < 3; ++node) {
    show(*recorder, node, 0, x[node]);
    recorder->selection(node, 0, senders, {node == 0 ? senders : std::vector<NodeId>{0, 2}});
    recorder->step_done(node, 0);
  }
  recorder->flush(true);
  ASSERT_EQ(bench.lines.size(), 1u);
  const LedgerLine& line = bench.lines[0];
  EXPECT_EQ(line.figure("test_loss"), 0.5);
  EXPECT_EQ(line.figure("test_loss_of_mean"), 0.0);
  EXPECT_EQ(line.figure("kept_count"), 2.5);
  EXPECT_EQ(line.figure("kept_liars"), 0.5);
  EXPECT_EQ(line.figure("detection_precision"), 1.0);  // of node 2 alone
  EXPECT_EQ(line.figure("detection_recall"), 0.5);
  EXPECT_EQ(line.kept, std::nullopt);
}

TEST(Recorder, WhoWasKeptSurvivesACheckpoint) {
  Bench bench(3);
  const auto recorder = bench.recorder({.every = 1, .length = 3, .servers = 1});
  recorder->selection(0, 0, std::vector<NodeId>{1, 2}, {{2}});
  ByteWriter writer;
  recorder->save(writer);
  const auto other = bench.recorder({.every = 1, .length = 3, .servers = 1});
  ByteReader reader(writer.bytes());
  ASSERT_TRUE(other->load(reader).ok());
  EXPECT_TRUE(reader.done());
  recorder->step_done(0, 0);
  other->step_done(0, 0);
  ASSERT_EQ(bench.lines.size(), 2u);
  EXPECT_EQ(to_json(bench.lines[0]), to_json(bench.lines[1]));
  EXPECT_EQ(bench.lines[1].kept, std::vector<NodeId>{2});
}

TEST(Recorder, ARoundUnderWaySurvivesACheckpoint) {
  Bench bench(2);
  const auto recorder = bench.recorder({.every = 1, .length = 3, .servers = 0});
  show(*recorder, 0, 0, 2.0f);
  recorder->figure(0, 0, "train_loss", 3.0);
  recorder->step_done(0, 0);
  recorder->flush(false);
  ByteWriter writer;
  recorder->save(writer);
  const auto other = bench.recorder({.every = 1, .length = 3, .servers = 0});
  ByteReader reader(writer.bytes());
  ASSERT_TRUE(other->load(reader).ok());
  EXPECT_TRUE(reader.done());
  for (Recorder* each : {recorder.get(), other.get()}) {
    show(*each, 1, 0, 4.0f);
    each->figure(1, 0, "train_loss", 5.0);
    each->step_done(1, 0);
    each->flush(false);
  }
  ASSERT_EQ(bench.lines.size(), 2u);
  EXPECT_EQ(to_json(bench.lines[0]), to_json(bench.lines[1]));
  EXPECT_EQ(bench.lines[1].figure("train_loss"), 4.0);
  for (std::size_t size = 0; size < writer.size(); ++size) {
    const auto cut = bench.recorder({.every = 1, .length = 3, .servers = 0});
    ByteReader short_reader(ByteView(writer.bytes()).first(size));
    EXPECT_FALSE(cut->load(short_reader).ok()) << size;
  }
}

}  // namespace
}  // namespace shoal
