// What studies are decided by: figures over seeds, tuning, distances, tables.
#include "shoal/study/study.h"

#include <cmath>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shoal/data/synthetic.h"
#include "shoal/study/distance.h"

namespace shoal {
namespace {

using ::testing::HasSubstr;

TEST(Sample, TextHasMeanAndSpread) {
  const Sample sample{{0.25, 0.5, 0.75}};
  EXPECT_EQ(sample.text(), "0.5 (0.25 .. 0.75)");
  EXPECT_EQ(Sample{}.text(), "-");
}

TEST(SmallestLead, IsTheWorstSeed) {
  EXPECT_DOUBLE_EQ(smallest_lead({{3.0, 2.0}}, {{1.0, 1.5}}), 0.5);
  EXPECT_DOUBLE_EQ(smallest_lead({{3.0, 1.0}}, {{1.0, 1.5}}), -0.5);
}

TEST(FigureWithin, TakesTheLastTenthOfABudget) {
  std::vector<LedgerLine> lines;
  for (Step round = 0; round < 20; ++round) {
    LedgerLine line;
    line.round = round;
    line.time_s = 10.0 * (round + 1.0);
    line.figures = {{"loss", static_cast<double>(round)}};
    lines.push_back(line);
  }
  const auto seconds = [](const LedgerLine& line) { return line.time_s; };
  EXPECT_DOUBLE_EQ(figure_within(lines, "loss", 200.0, seconds), 18.5);  // at 190 s and 200 s
  EXPECT_DOUBLE_EQ(figure_within(lines, "loss", 105.0, seconds), 9.0);   // at 100 s
  EXPECT_TRUE(std::isnan(figure_within(lines, "loss", 5.0, seconds)));
}

TEST(StepsTo, AsksThatTheErrorStaysSmall) {
  EXPECT_EQ(steps_to(std::vector<double>{1.0, 0.1, 0.01, 0.001}, 0.01), 3u);
  EXPECT_EQ(steps_to(std::vector<double>{1.0, 0.001, 1.0, 0.001}, 0.01), 4u);
  EXPECT_EQ(steps_to(std::vector<double>{0.001, 1.0}, 0.01), std::nullopt);
  EXPECT_EQ(steps_to(std::vector<double>{1.0, std::nan("")}, 0.01), std::nullopt);
}

TEST(MarkdownTable, HasARuleUnderItsColumns) {
  EXPECT_EQ(markdown_table("Title", {"a", "b"}, {{"1", "2"}}),
            "\nTitle\n\n| a | b |\n|---|---|\n| 1 | 2 |\n");
}

TEST(StudyMarkdown, ShowsVerdictsAndNotes) {
  const Study study{"name", "what it is", "1234.5678", nullptr};
  const std::string page = study_markdown(
      study, {not_reached("a claim", "-", "a margin", "there is no such method.")}, "appendix");
  EXPECT_THAT(page, HasSubstr("| 1 | a claim | - | - | a margin | **not reached** |"));
  EXPECT_THAT(page, HasSubstr("1. there is no such method."));
  EXPECT_THAT(page, HasSubstr("appendix"));
}

constexpr char kScalars[] = R"(
name = "scalars"
precision = "double"
[data]
kind = "scalar_quadratics"
nodes = 4
curvature_min = 1.0
curvature_max = 1.0
[partition]
kind = "users"
[model]
kind = "quadratic"
[nodes]
count = 4
[method]
kind = "all_reduce_sgd"
batch = 0
steps = 30
learning_rate = 0.25
)";

// Gradient descent on (x - a)^2/2 from 0: the squared distance is a^2 (3/4)^(2t).
TEST(SquaredDistances, OfGradientDescentOnAScalarQuadratic) {
  ThreadPool pool(2);
  StudyContext context(pool, {1}, [](const std::string&) {});
  const auto assembly = context.assembly(kScalars, {});
  ASSERT_TRUE(assembly.ok()) << assembly.error().message;
  const auto optimum = quadratic_optimum(*(*assembly)->task.train);
  ASSERT_TRUE(optimum.ok());
  const auto distances = squared_distances(context, kScalars, {}, *optimum);
  ASSERT_TRUE(distances.ok()) << distances.error().message;
  ASSERT_EQ(distances->size(), 30u);
  const double start = optimum->front() * optimum->front();
  for (std::size_t t = 0; t < distances->size(); ++t) {
    const double expected = start * std::pow(0.75, 2.0 * (static_cast<double>(t) + 1.0));
    EXPECT_NEAR((*distances)[t], expected, 1e-12 * start) << t;
  }
  EXPECT_FALSE(squared_distances(context, kScalars, {"precision=float"}, *optimum).ok());
}

// The training loss falls fastest at step size 1, which solves the problem at once, and 4 diverges.
TEST(Tune, TakesTheLowestTrainingLoss) {
  ThreadPool pool(1);
  StudyContext context(pool, {1, 2}, [](const std::string&) {});
  const std::vector<std::string> set{"data.nodes=2", "nodes.count=2", "method.steps=4"};
  const auto tuned =
      context.tune(kScalars, set, "method.learning_rate", {0.125, 1.0, 4.0}, "train_loss");
  ASSERT_TRUE(tuned.ok()) << tuned.error().message;
  EXPECT_DOUBLE_EQ(tuned->value, 1.0);
  EXPECT_FALSE(tuned->at_edge);
  EXPECT_EQ(tuned->runs.size(), 2u);
  const auto edge = context.tune(kScalars, set, "method.learning_rate", {0.5, 1.0}, "train_loss");
  ASSERT_TRUE(edge.ok());
  EXPECT_TRUE(edge->at_edge);
  EXPECT_FALSE(context.tune(kScalars, set, "method.learning_rate", {1.0}, "no such figure").ok());
}

// Side by side, and on any number of threads, runs come to what they come to alone; all are run,
// and the first that fails by its number is told.
TEST(SideBySide, RunsDoNotKnowOfOneAnother) {
  std::vector<std::vector<double>> losses;
  for (const std::size_t threads : {1u, 2u, 5u}) {
    ThreadPool pool(threads);
    StudyContext context(pool, {1, 2}, [](const std::string&) {});
    std::vector<double>& here = losses.emplace_back(7);
    const auto status = context.side_by_side(7, [&](StudyContext& alone, std::size_t i) -> Status {
      EXPECT_LE(alone.pool().threads(), threads);
      EXPECT_EQ(alone.seeds(), context.seeds());
      SHOAL_TRY(const RunResult run, alone.run(kScalars, {fmt::format("method.steps={}", i + 1)}));
      here[i] = final_figure(run.lines, "train_loss").value();
      return i % 3 == 2 ? not_found(fmt::format("body {}", i)) : ok_status();
    });
    EXPECT_EQ(status.error().message, "body 2");
    EXPECT_TRUE(context.side_by_side(0, {}).ok());
  }
  for (std::size_t i = 0; i + 1 < 7; ++i) EXPECT_GT(losses[0][i], losses[0][i + 1]);
  EXPECT_EQ(losses[1], losses[0]);
  EXPECT_EQ(losses[2], losses[0]);
}

// Clients with uneven steps train as often as drawn: between 1 and local_steps, not all the same,
// and the same in every round.
TEST(UnevenSteps, AreDrawnOnceAClient) {
  ThreadPool pool(1);
  StudyContext context(pool, {1}, [](const std::string&) {});
  const std::vector<std::string> set{"precision=float", "method.kind=fedavg",    "method.rounds=3",
                                     "method.batch=1",  "method.local_steps=20", "data.nodes=40",
                                     "nodes.count=40"};
  const std::string experiment =
      std::string(kScalars).substr(0, std::string(kScalars).find("[method]"));
  auto uneven = set;
  uneven.push_back("method.uneven_steps=true");
  const auto even_run = context.run(experiment, set);
  const auto uneven_run = context.run(experiment, uneven);
  ASSERT_TRUE(even_run.ok()) << even_run.error().message;
  ASSERT_TRUE(uneven_run.ok()) << uneven_run.error().message;
  EXPECT_EQ(even_run->lines[0].gradients, 40u * 20u);
  const auto first = uneven_run->lines[0].gradients;
  EXPECT_GT(first, 40u * 7u);  // the mean of 40 draws is 10.5 with a deviation of 0.9
  EXPECT_LT(first, 40u * 14u);
  EXPECT_EQ(uneven_run->lines[2].gradients, 3u * first);
  auto by_epochs = uneven;
  by_epochs.push_back("method.local_steps=0");
  EXPECT_FALSE(context.run(experiment, by_epochs).ok());
}

}  // namespace
}  // namespace shoal
