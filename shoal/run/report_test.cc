#include "shoal/run/report.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <set>
#include <sstream>

#include "shoal/base/random.h"
#include "shoal/run/report_axis.h"
#include "shoal/run/report_plot.h"
#include "shoal/run/report_table.h"

namespace shoal {
namespace {

// 20 rounds of a minute; `value` gives a figure's value at a round, or nothing.
template <class Value>
RunSummary run_of(const std::string& name, const std::string& figure, Value value,
                  std::uint64_t bytes = 1'000'000) {
  RunSummary run;
  run.name = name;
  run.wall_s = 12.0;
  for (Step round = 0; round < 20; ++round) {
    LedgerLine line{
        round, 60.0 * (round + 1), bytes * (round + 1), 2 * bytes * (round + 1), 100u * (round + 1),
        {}};
    if (const double at = value(round); std::isfinite(at)) line.figures.emplace_back(figure, at);
    run.lines.push_back(line);
  }
  return run;
}

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t found = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
  return found;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// Figures that peak at 0.9 in round 10 and end at 0.50 and 0.52.
double peaked(Step round) {
  if (round == 10) return 0.9;
  return round < 18 ? 0.4 : 0.5 + 0.02 * (round - 18);
}

TEST(SummaryTable, ReportsTheLastTenthAndEveryCost) {
  const auto lines = lines_of(summary_table({run_of("a", "test_accuracy", peaked)}));
  ASSERT_EQ(lines.size(), 3u);
  std::istringstream row(lines[1]);
  const std::vector<std::string> cells{std::istream_iterator<std::string>(row), {}};
  // Name, the mean of the last two rounds, 1200 s in minutes, 60 MB in all, 20 up, 40 down.
  EXPECT_EQ(cells, (std::vector<std::string>{"a", "0.510", "20.0", "60.0", "20.0", "40.0", "2,000",
                                             "12.0"}));
  EXPECT_EQ(lines[0].size(), lines[1].size());
}

TEST(SummaryTable, AmongPeersTheWorstNodeAndWhatWasSentOnce) {
  RunSummary peers = run_of("ring", "test_accuracy", peaked);
  for (LedgerLine& line : peers.lines) line.figures.emplace_back("test_accuracy_worst", 0.25);
  const std::string table = summary_table({peers, run_of("star", "test_accuracy", peaked)});
  EXPECT_NE(table.find("worst node"), std::string::npos);
  std::istringstream row(lines_of(table)[1]);
  const std::vector<std::string> cells{std::istream_iterator<std::string>(row), {}};
  EXPECT_EQ(cells, (std::vector<std::string>{"ring", "0.510", "0.250", "20.0", "20.0", "20.0", "–",
                                             "2,000", "12.0"}));
}

TEST(SummaryTable, LossWhereThereIsNoAccuracyAndWhatIsMissing) {
  RunSummary loss = run_of("quadratic", "test_loss", [](Step) { return 0.125; });
  RunSummary empty;
  empty.name = "new\x1b[31m\n";
  const std::string table = summary_table({loss, run_of("images", "test_accuracy", peaked), empty});
  EXPECT_NE(table.find("final loss"), std::string::npos);
  EXPECT_NE(table.find("0.1250"), std::string::npos);
  EXPECT_EQ(table.find('\x1b'), std::string::npos);
  EXPECT_EQ(lines_of(table).size(), 5u);
  EXPECT_EQ(lines_of(table)[3].rfind("new?[31m?", 0), 0u);
}

TEST(SummaryTable, ADivergedRunHasNoFinalLoss) {
  // Measured every second round; what is not finite is not in a ledger.
  const auto measured = [](Step finite_to) {
    return [finite_to](Step round) {
      return round % 2 == 1 && round < finite_to ? 1.0 + round : HUGE_VAL;
    };
  };
  EXPECT_NE(summary_table({run_of("a", "test_loss", measured(15))}).find("not finite"),
            std::string::npos);
  EXPECT_EQ(summary_table({run_of("a", "test_loss", measured(20))}).find("not finite"),
            std::string::npos);
}

// Every element that is opened is closed, in order; none but known ones appear.
void expect_well_formed(const std::string& html) {
  const std::set<std::string> empty{"meta", "path", "circle"};
  std::vector<std::string> open;
  for (std::size_t at = html.find('<'); at != std::string::npos; at = html.find('<', at)) {
    const std::size_t end = html.find_first_of(" />", at + 2);
    const bool closes = html[at + 1] == '/';
    const std::string name = html.substr(at + (closes ? 2 : 1), end - at - (closes ? 2 : 1));
    at = html.find('>', at) + 1;
    if (name == "!doctype" || empty.count(name) > 0) continue;
    if (closes) {
      ASSERT_FALSE(open.empty());
      ASSERT_EQ(open.back(), name);
      open.pop_back();
    } else {
      open.push_back(name);
    }
    if (!closes && (name == "script" || name == "style")) at = html.find("</" + name, at);
  }
  EXPECT_TRUE(open.empty());
}

TEST(ReportHtml, EscapesWhatComesFromFiles) {
  const std::string hostile = "<script>alert('1')</script>\"& <img src=x>";
  RunSummary run = run_of(hostile, "test_accuracy", peaked);
  run.folder = run.method = run.model_digest = hostile;
  const std::string html = report_html(hostile, {run, run});
  EXPECT_EQ(html.find("<script>alert"), std::string::npos);
  EXPECT_EQ(html.find("<img"), std::string::npos);
  EXPECT_EQ(html.find("\"& "), std::string::npos);
  EXPECT_NE(html.find("&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&quot;&amp;"),
            std::string::npos);
  expect_well_formed(html);
}

TEST(ReportHtml, NeedsNothingFromElsewhere) {
  const std::string html = report_html("two", {run_of("a", "test_accuracy", peaked)});
  // The one address is a name: that of SVG's elements, for the hover read-out.
  EXPECT_EQ(count(html, "://"), 1u);
  EXPECT_EQ(count(html, "http://www.w3.org/2000/svg"), 1u);
  for (const char* loading : {"src=", "href=", "@import", "url(", "fetch("})
    EXPECT_EQ(count(html, loading), 0u) << loading;
}

TEST(ReportHtml, ThreePlotsAFigure) {
  RunSummary both = run_of("a", "test_accuracy", peaked);
  EXPECT_EQ(count(report_html("t", {both}), "<figure>"), 3u);
  for (LedgerLine& line : both.lines) line.figures.emplace_back("test_loss", 1.0);
  EXPECT_EQ(count(report_html("t", {both}), "<figure>"), 6u);
  const RunSummary none = run_of("none", "missing", peaked);
  for (const auto& runs : {std::vector<RunSummary>{}, {none}, {RunSummary{}}}) {
    const std::string html = report_html("t", runs);
    EXPECT_EQ(count(html, "<figure>"), 0u);
    EXPECT_EQ(html.find("nan"), std::string::npos);
    expect_well_formed(html);
  }
}

TEST(ReportHtml, LogarithmicBytesOnlyWhereRunsAreFarApart) {
  const RunSummary dense = run_of("dense", "test_accuracy", peaked);
  const RunSummary sparse = run_of("sparse", "test_accuracy", peaked, 10'000);
  EXPECT_EQ(count(report_html("t", {dense, dense}), "logarithmic</text>"), 0u);
  EXPECT_EQ(count(report_html("t", {dense, sparse}), "logarithmic</text>"), 1u);
}

TEST(ReportHtml, ADivergingRunLeavesTheOthersTheirScale) {
  const RunSummary good = run_of("good", "test_loss", [](Step round) { return 2.0 / (1 + round); });
  const RunSummary bad =
      run_of("bad", "test_loss", [](Step round) { return std::pow(10.0, 2.0 * round); });
  const std::string edge = "along the upper edge";
  const std::string html = report_html("t", {good, bad});
  EXPECT_EQ(count(html, edge), 3u);
  EXPECT_EQ(count(html, ">4</text>"), 3u);  // twice the good run's first loss
  EXPECT_EQ(count(report_html("t", {good}), edge), 0u);
  EXPECT_EQ(count(report_html("t", {bad}), edge), 0u);
}

TEST(ReportHtml, LongAndStrangeRunsStaySmallAndNumeric) {
  RunSummary run = run_of("long", "test_loss", [](Step) { return 0.0; });
  const LedgerLine line = run.lines.back();
  for (Step round = 20; round < 20000; ++round) {
    run.lines.push_back(line);
    run.lines.back().round = round;
    run.lines.back().figures[0].second = round % 7 == 0 ? 1e-12 * round : -0.5;
  }
  const std::string html = report_html("t", {run});
  EXPECT_LT(html.size(), 100'000u);
  for (const char* word : {"nan", "inf ", "inf\""})
    EXPECT_EQ(count(html.substr(0, html.find("<script>")), word), 0u) << word;
  expect_well_formed(html);
}

TEST(Thinning, KeepsEndsAndExtremes) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    RandomStream stream(seed, purpose("test"), 0, 0);
    const std::size_t size = 1 + static_cast<std::size_t>(5000 * stream.uniform());
    std::vector<Point> points;
    for (std::size_t i = 0; i < size; ++i)
      points.push_back({static_cast<double>(i), stream.uniform()});
    const std::vector<Point> kept = thinned(points);
    ASSERT_LE(kept.size(), kPointsMax);
    if (size <= kPointsMax) {
      ASSERT_EQ(kept.size(), size);
    }
    EXPECT_EQ(kept.front().x, 0.0);
    EXPECT_EQ(kept.back().x, static_cast<double>(size - 1));
    double low = 1.0, high = 0.0, kept_low = 1.0, kept_high = 0.0;
    for (const Point& point : points) low = std::min(low, point.y), high = std::max(high, point.y);
    for (std::size_t i = 0; i < kept.size(); ++i) {
      if (i > 0) {
        ASSERT_LT(kept[i - 1].x, kept[i].x);
      }
      EXPECT_EQ(kept[i].y, points[static_cast<std::size_t>(kept[i].x)].y);
      kept_low = std::min(kept_low, kept[i].y);
      kept_high = std::max(kept_high, kept[i].y);
    }
    EXPECT_EQ(kept_low, low);
    EXPECT_EQ(kept_high, high);
  }
}

// Ticks are inside, ascending, few, and say where they stand.
void expect_sound_ticks(const Axis& axis) {
  ASSERT_LT(axis.low, axis.high);
  EXPECT_GE(axis.ticks.size(), 2u) << axis.low << " " << axis.high;
  EXPECT_LE(axis.ticks.size(), 9u) << axis.low << " " << axis.high;
  for (std::size_t i = 0; i < axis.ticks.size(); ++i) {
    const auto& [value, text] = axis.ticks[i];
    EXPECT_GE(axis.share(value), -1e-6);
    EXPECT_LE(axis.share(value), 1.0 + 1e-6);
    if (i > 0) {
      EXPECT_GT(value, axis.ticks[i - 1].value);
    }
    if (text.find("10") != std::string::npos &&
        text.find_first_not_of("0123456789.e+-") != std::string::npos)
      continue;  // a power of ten in superscript
    EXPECT_NEAR(std::stod(text) * axis.unit, value, 1e-9 * std::abs(value)) << text;
  }
}

TEST(Axes, RoundTicksForAnyRange) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    RandomStream stream(seed, purpose("test"), 0, 0);
    const double scale = std::pow(10.0, 16.0 * stream.uniform() - 4.0);
    const double low = scale * stream.uniform();
    const double high = low + scale * stream.uniform();
    expect_sound_ticks(loss_axis(low, high));
    expect_sound_ticks(loss_axis(-high, low));
    expect_sound_ticks(time_axis({low, high, high}));
    expect_sound_ticks(
        byte_axis({scale, scale, scale * std::pow(10.0, 1.5 + 4 * stream.uniform())}));
    expect_sound_ticks(share_axis(stream.uniform() * 0.5, 0.5 + 0.5 * stream.uniform()));
    expect_sound_ticks(round_axis(std::ceil(1 + 5000 * stream.uniform())));
  }
}

TEST(Axes, UnitsAndScales) {
  EXPECT_EQ(time_axis({60, 7300, 7300}).label, "virtual time (h)");
  EXPECT_EQ(time_axis({1, 100, 100}).label, "virtual time (s)");
  EXPECT_EQ(byte_axis({1e6, 3e8, 3e8}).label, "bytes sent (MB)");
  EXPECT_TRUE(byte_axis({1e5, 1e7, 1e9}).logarithmic);
  EXPECT_FALSE(byte_axis({1e5, 1e8, 1e9}).logarithmic);
  EXPECT_TRUE(loss_axis(1e-8, 1.0).logarithmic);
  EXPECT_FALSE(loss_axis(0.0, 1.0).logarithmic);
  EXPECT_EQ(share_axis(0.1, 0.97).high, 1.0);
  EXPECT_EQ(share_axis(0.1, 0.8).low, 0.0);
  EXPECT_GT(share_axis(0.91, 0.95).low, 0.8);
}

// Reads the drawing back through the numbers that stand in its attributes.
TEST(PlotSvg, PutsPointsWhereTheyBelong) {
  Plot plot;
  plot.x = byte_axis({1e5, 1e7, 1e9});
  plot.y = share_axis(0.1, 0.8);
  const std::vector<Point> points{{1e5, 0.1}, {3e6, 0.45}, {1e9, 0.8}};
  plot.curves.push_back({"a", 0, false, points, 0.8, false});
  const std::string svg = plot_svg(plot);
  const auto numbers = [&](const std::string& before, std::size_t wanted) {
    std::istringstream in(svg.substr(svg.find(before) + before.size()));
    std::vector<double> values(wanted);
    for (double& value : values) in >> value, in.peek() == 'L' ? in.ignore() : in;
    return values;
  };
  const auto frame = numbers("data-frame=\"", 4);
  const auto x = numbers("data-x=\"", 4);
  const auto y = numbers("data-y=\"", 4);
  EXPECT_EQ(x[2], 1.0);
  EXPECT_EQ(y[2], 0.0);
  const std::size_t run = svg.find("class=\"run");
  ASSERT_NE(run, std::string::npos);
  const auto drawn = numbers(svg.substr(run, svg.find("d=\"M", run) + 4 - run), 6);
  for (std::size_t i = 0; i < points.size(); ++i) {
    const double across = (drawn[2 * i] - frame[0]) / (frame[1] - frame[0]);
    const double down = (drawn[2 * i + 1] - frame[2]) / (frame[3] - frame[2]);
    EXPECT_NEAR(x[0] * std::pow(x[1] / x[0], across), points[i].x, 1e-3 * points[i].x);
    EXPECT_NEAR(y[1] - down * (y[1] - y[0]), points[i].y, 1e-4);
  }
  EXPECT_EQ(count(svg, "<circle"), 1u);
}

TEST(PlotSvg, FortyRunsLookDifferent) {
  std::set<std::string> looks;
  for (std::size_t i = 0; i < 40; ++i) looks.insert(style_classes(i));
  EXPECT_EQ(looks.size(), 40u);
}

// The first measurement at the target counts, not the final one; a run that never gets there has
// none.
TEST(SummaryTable, SaysWhenATargetWasReached) {
  const std::vector<RunSummary> runs{run_of("quick", "test_accuracy", peaked),
                                     run_of("slow", "test_accuracy", [](Step) { return 0.3; })};
  const auto columns = report_columns(runs, 0.6);
  const auto column = std::find_if(columns.begin(), columns.end(),
                                   [](const ReportColumn& c) { return c.heading == "min to 0.6"; });
  ASSERT_NE(column, columns.end());
  EXPECT_EQ(column->cells, (std::vector<std::string>{"11.0", "–"}));
  for (const ReportColumn& other : report_columns(runs))
    EXPECT_EQ(other.heading.find(" to "), std::string::npos);
}

}  // namespace
}  // namespace shoal
