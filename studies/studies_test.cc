// The helpers of the studies against numbers worked out by hand.
#include "studies/studies.h"

#include <cmath>
#include <gtest/gtest.h>

#include "shoal/graph/topology_kind.h"
#include "shoal/model/factory.h"

#include "studies/logistic_optimum.h"
#include "studies/mean_model.h"
#include "studies/mixing_rounds.h"
#include "studies/rank_correlation.h"
#include "studies/straight_line.h"

namespace shoal {
namespace {

TEST(RankCorrelation, FollowsRanksAlone) {
  const std::vector<double> a{1.0, 2.0, 3.0, 10.0};
  EXPECT_DOUBLE_EQ(rank_correlation(a, std::vector<double>{5.0, 6.0, 7.0, 8.0}), 1.0);
  EXPECT_DOUBLE_EQ(rank_correlation(a, std::vector<double>{8.0, 7.0, 6.0, -5.0}), -1.0);
  // Differences of ranks 1, 1, 0, 0: 1 - 6 * 2 / (4 * 15).
  EXPECT_DOUBLE_EQ(rank_correlation(a, std::vector<double>{2.0, 1.0, 3.0, 4.0}), 0.8);
  // A tie: ranks 0.5, 0.5, 2 against 0, 1, 2 correlate by 1.5 / sqrt(1.5 * 2).
  EXPECT_DOUBLE_EQ(
      rank_correlation(std::vector<double>{1.0, 1.0, 2.0}, std::vector<double>{1.0, 2.0, 3.0}),
      1.5 / std::sqrt(3.0));
}

std::vector<MixingMatrix> mixing_of(const char* kind, std::size_t nodes, MixingKind mixing) {
  Table table;
  table.set("kind", kind);
  const auto topology = (*topologies().make(table, "[topology]"))->build(nodes, 1);
  return *mixing_schedule(*topology, {mixing, false});
}

TEST(RoundsToConsensus, OneOnACompleteGraphAndLogOnOnePeerExponential) {
  EXPECT_EQ(
      rounds_to_consensus(mixing_of("complete", 16, MixingKind::kMetropolisHastings), 1e-3, 20, 1),
      1u);
  EXPECT_EQ(
      rounds_to_consensus(mixing_of("one_peer_exponential", 16, MixingKind::kUniform), 1e-3, 20, 1),
      4u);
}

// On a star of 16 every mode but the mean contracts by 15/16 or faster: ln(1e-3)/ln(15/16) =
// 107.03.
TEST(RoundsToConsensus, AsTheSpectrumOfAStarSays) {
  const auto rounds =
      rounds_to_consensus(mixing_of("star", 16, MixingKind::kMetropolisHastings), 1e-3, 200, 1);
  EXPECT_LE(rounds, 108u);
  EXPECT_GE(rounds, 105u);
}

TEST(RoundsToConsensus, StopsAtItsLimit) {
  EXPECT_EQ(
      rounds_to_consensus(mixing_of("chain", 16, MixingKind::kMetropolisHastings), 1e-9, 5, 1, 7),
      7u);
}

// Logistic regression on one feature that is always 1, no bias: two nodes, of 1 and 3 rows. With
// equal weights of the nodes a share (1 + 1/3)/2 = 2/3 of the labels is 1, so w = ln 2 without a
// penalty and less with one.
TEST(MeanClientOptimum, WeighsNodesEqually) {
  Dataset data;
  data.name = "ones";
  data.rows = 4;
  data.features = 1;
  data.shape = {1};
  data.classes = 2;
  data.x = {1.0f, 1.0f, 1.0f, 1.0f};
  data.labels = {1, 1, 0, 0};
  Partition partition;
  partition.data = std::make_shared<const Dataset>(data);
  partition.nodes = {{0}, {1, 2, 3}};
  const auto optimum_with = [&](double l2) {
    Table table;
    table.set("kind", "logistic");
    table.set("bias", false);
    table.set("l2", l2);
    const auto factory = models().make(table, "[model]", data);
    const auto model = (*(*factory)->in_double())();
    return mean_client_optimum(*model, partition).front();
  };
  EXPECT_NEAR(optimum_with(0.0), std::log(2.0), 1e-12);
  // sigmoid(w) + l2 w = 2/3 at the optimum.
  const double w = optimum_with(0.1);
  EXPECT_NEAR(1.0 / (1.0 + std::exp(-w)) + 0.1 * w, 2.0 / 3.0, 1e-12);
}

TEST(StraightLine, FitsLinesAndNotZigzags) {
  EXPECT_DOUBLE_EQ(straight_line_fit(std::vector<double>{5.0, 3.0, 1.0, -1.0}), 1.0);
  EXPECT_DOUBLE_EQ(straight_line_fit(std::vector<double>{2.0, 2.0, 2.0}), 1.0);
  // Slope 0.2 through 0, 1, 0, 1: 0.2 of the sum of squares 1 is explained.
  EXPECT_DOUBLE_EQ(straight_line_fit(std::vector<double>{0.0, 1.0, 0.0, 1.0}), 0.2);
}

// All workers have as many rows and use all of them, so the loss that a step shows is that of the
// mean model before it, over all rows; and steps end for all at once.
TEST(LossCurve, IsThatOfTheLedger) {
  constexpr char kAllRows[] =
      "name = \"all-rows\"\n[data]\nkind = \"fcube\"\ntrain_rows = 64\ntest_rows = "
      "8\n[partition]\nkind = \"iid\"\n"
      "[model]\nkind = \"logistic\"\n[nodes]\ncount = 4\n[method]\nkind = \"all_reduce_sgd\"\n"
      "steps = 12\nbatch = 0\nlearning_rate = 0.5\n";
  ThreadPool pool(2);
  StudyContext context(pool, {1}, [](const std::string&) {});
  const auto curve = loss_curve(context, kAllRows, {}, 3);
  const auto run = context.run(kAllRows, {});
  ASSERT_TRUE(curve.ok() && run.ok());
  ASSERT_EQ(curve->size(), 4u);
  for (const LossPoint& point : *curve) {
    const LedgerLine& line = run->lines.at(point.steps - 1);
    EXPECT_EQ(point.time_s, line.time_s);
    EXPECT_EQ(point.sent_bytes, line.bytes_up);
    if (point.steps == 12) continue;
    EXPECT_NEAR(point.loss, *run->lines.at(point.steps).figure("train_loss"), 1e-6);
  }
  const auto reached = first_within(*curve, (*curve)[1].loss);
  ASSERT_TRUE(reached);
  EXPECT_EQ(reached->steps, 6u);
  EXPECT_FALSE(first_within(*curve, 0.0));
  // Rings of 4: 6 frames a worker and step.
  const double heads = 12.0 * 4 * 6 * kHeadBytes;
  EXPECT_EQ(bytes_without_heads(*run), static_cast<double>(run->bytes_sent) - heads);
}

TEST(AccuracyOfMean, TakesTheOneModelWhereAllAgree) {
  RunResult run;
  for (std::size_t round = 0; round < 20; ++round) {
    LedgerLine line;
    line.figures = {{"test_accuracy", 0.5}};
    if (round == 18) line.figures.emplace_back("test_accuracy_of_mean", 0.9);
    run.lines.push_back(line);
  }
  EXPECT_DOUBLE_EQ(accuracy_of_mean({run}).values.front(), 0.7);
}

TEST(Studies, HaveNamesOfTheirOwn) {
  for (const Study& study : studies())
    for (const Study& other : studies())
      EXPECT_TRUE(&study == &other || study.name != other.name) << study.name;
}

}  // namespace
}  // namespace shoal
