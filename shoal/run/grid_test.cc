#include "shoal/run/grid.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shoal/base/toml.h"
#include "shoal/run/grid_report.h"
#include "shoal/run/run.h"

namespace shoal {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kGrid[] = R"(
name = "small"
[data]
kind = "synthetic_logistic"
rows = 120
features = 3
[partition]
kind = "iid"
[model]
kind = "logistic"
[nodes]
count = 6
[method]
kind = "server_sgd"
rounds = 4
batch = 8
[[row]]
name = "nobody <lies>"
[[row]]
name = "sign flip"
attack = { kind = "sign_flip", scale = 1e6 }
nodes = { liars = 1 }
[[column]]
name = "mean"
rule = { kind = "mean", weighted = false }
[[column]]
name = "median"
rule = { kind = "coordinate_median", faults = 1 }
[[column]]
name = "Bulyan"
rule = { kind = "bulyan", faults = 1 }
)";

GridPlan plan_of(const std::string& text) { return read_grid(parse_toml(text).value()).value(); }

GridResult result_of(const GridPlan& plan, std::size_t* calls = nullptr) {
  ThreadPool pool(1);
  auto result =
      run_grid(plan, {"method.batch=20"}, {1, 2}, pool, [calls](std::size_t done, const GridCell&) {
        if (calls) *calls = done;
      });
  SHOAL_CHECK(result.ok(), result.error().message);
  return std::move(result).value();
}

TEST(Grid, RunsEveryCombinationOnceASeed) {
  const GridPlan plan = plan_of(kGrid);
  EXPECT_EQ(plan.name, "small");
  EXPECT_EQ(plan.size(), 6u);
  std::size_t calls = 0;
  const GridResult result = result_of(plan, &calls);
  EXPECT_EQ(calls, 6u);
  for (const std::size_t row : {0u, 1u})
    for (const std::size_t column : {0u, 1u}) {
      const GridCell& cell = result.at(0, row, column);
      EXPECT_EQ(cell.refused, "");
      ASSERT_EQ(cell.accuracy.size(), 2u);
      EXPECT_TRUE(cell.accuracy[0] && cell.accuracy[1]);
      EXPECT_FALSE(cell.attack_success[0]);
    }
  // A cell is the run that the experiment would be by itself.
  const auto alone =
      read_experiments(parse_toml(std::string(kGrid).substr(0, std::string(kGrid).find("[[row]]")) +
                                  "[rule]\nkind = \"coordinate_median\"\nfaults = 1\n")
                           .value(),
                       {"method.batch=20", "seed=2"});
  ASSERT_TRUE(alone.ok());
  ThreadPool pool(1);
  auto run = Run::create(alone->front(), pool).value();
  ASSERT_TRUE(run->go().ok());
  EXPECT_EQ(result.at(0, 0, 1).accuracy[1], final_figure(run->result().lines, "test_accuracy"));
  // The liar ruins the mean, not the median.
  EXPECT_LT(*mean_of(result.at(0, 1, 0).accuracy) + 0.1, *mean_of(result.at(0, 1, 1).accuracy));
}

TEST(Grid, ARefusedCombinationSaysWhy) {
  const GridResult result = result_of(plan_of(kGrid));
  EXPECT_THAT(result.at(0, 0, 2).refused, HasSubstr("4f+3 = 7"));
  const std::string csv = grid_csv(result);
  EXPECT_THAT(csv, HasSubstr("page,row,column,seed,test_accuracy,attack_success,refused\n"));
  EXPECT_THAT(csv, HasSubstr("\"\",\"sign flip\",\"Bulyan\",,,,\""));
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 1 + 4 * 2 + 2);
  const std::string html = grid_html(result);
  EXPECT_THAT(html, HasSubstr("nobody &lt;lies&gt;"));
  EXPECT_THAT(html, Not(HasSubstr("<lies>")));
  EXPECT_THAT(html, HasSubstr("Combinations that were refused"));
  EXPECT_THAT(html, Not(HasSubstr("Attack success")));
  EXPECT_THAT(grid_text(result), HasSubstr("1 mean, 2 median, 3 Bulyan"));
}

TEST(Grid, WhatAFileMustHold) {
  const auto error = [](const std::string& text) {
    const auto plan = read_grid(parse_toml(text).value());
    return plan.ok() ? std::string() : plan.error().message;
  };
  EXPECT_THAT(error("name = \"x\"\n"), HasSubstr("needs [[row]] and [[column]]"));
  EXPECT_THAT(error("[[row]]\nname = \"a\"\n[[row]]\nname = \"a\"\n"),
              HasSubstr("name of its own"));
  EXPECT_THAT(error("[[row]]\n[[column]]\nname = \"a\"\n"), HasSubstr("line 1"));
  EXPECT_THAT(error("row = 3\n"), HasSubstr("written as [[row]]"));
  EXPECT_THAT(error(std::string(kGrid) + "[[run]]\nname = \"r\"\n"),
              HasSubstr("leave [[run]] out"));
  // A misspelt setting is no refusal of the combination but an error of the file.
  ThreadPool pool(1);
  std::string wrong = kGrid;
  wrong.replace(wrong.find("scale = 1e6"), 11, "scal = 1e6 ");
  const auto result = run_grid(plan_of(wrong), {}, {1}, pool, [](std::size_t, const GridCell&) {});
  ASSERT_FALSE(result.ok());
  EXPECT_THAT(result.error().message, HasSubstr("did you mean 'scale'"));
}

}  // namespace
}  // namespace shoal
