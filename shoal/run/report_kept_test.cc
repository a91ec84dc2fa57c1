#include "shoal/run/report_kept.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shoal {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

RunSummary run_of(const std::vector<std::optional<std::vector<NodeId>>>& kept) {
  RunSummary run;
  run.name = "a & b";
  for (Step round = 0; round < kept.size(); ++round) {
    LedgerLine line;
    line.round = round;
    line.kept = kept[round];
    run.lines.push_back(line);
  }
  return run;
}

std::size_t bars(const std::string& html) {
  std::size_t found = 0;
  for (auto at = html.find("--c0"); at != std::string::npos; at = html.find("--c0", at + 1))
    ++found;
  return found;
}

// Node 2 is left out in round 2: two stretches; nodes 1 and 3 have one each. A round that says
// nothing does not break a stretch.
TEST(ReportKept, DrawsEveryStretch) {
  const std::string html =
      kept_figure(run_of({{{1, 2, 3}}, {{1, 2, 3}}, {{1, 3}}, std::nullopt, {{1, 2, 3}}}));
  EXPECT_EQ(bars(html), 4u);
  EXPECT_THAT(html, HasSubstr("a &amp; b"));
  EXPECT_THAT(html, HasSubstr("<title>node 2</title>"));
  EXPECT_THAT(html, HasSubstr("over 5 rounds"));
  // Of node 2: rounds 0 and 1 of five, 240 of the width of 600.
  EXPECT_THAT(html, HasSubstr("<rect x=\"0.00\" y=\"7\" width=\"240.00\""));
}

TEST(ReportKept, WhoWasNeverKeptHasAnEmptyLine) {
  const std::string html = kept_figure(run_of({{{1, 3}}, {{1, 3}}}));
  EXPECT_EQ(bars(html), 2u);
  EXPECT_THAT(html, HasSubstr("<title>node 2</title>"));
}

TEST(ReportKept, SaysNothingWhereNobodyIsEverLeftOut) {
  EXPECT_EQ(kept_figure(run_of({{{1, 2}}, {{1, 2}}})), "");
  EXPECT_EQ(kept_figure(run_of({std::nullopt, std::nullopt})), "");
  EXPECT_THAT(kept_figure(run_of({{{1, 2}}, {{2}}})), Not(HasSubstr("node 3")));
}

}  // namespace
}  // namespace shoal
