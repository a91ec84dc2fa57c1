#include "shoal/run/ledger.h"

#include <cmath>
#include <gtest/gtest.h>

namespace shoal {
namespace {

LedgerLine a_line() {
  LedgerLine line;
  line.round = 9;
  line.time_s = 51.2;
  line.bytes_up = 1'272'432;
  line.bytes_down = std::uint64_t{1} << 63;
  line.gradients = 60'000;
  line.figures = {{"test_accuracy", 0.1 + 0.2}, {"test_loss", 1e-310}, {"missing", 3.0}};
  return line;
}

TEST(Ledger, ALineReadsBackToTheSameBytes) {
  const std::string json = to_json(a_line());
  const auto read = parse_ledger_line(json);
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(to_json(*read), json);
  EXPECT_EQ(read->bytes_down, std::uint64_t{1} << 63);
  EXPECT_EQ(read->figure("test_accuracy"), 0.1 + 0.2);
  EXPECT_EQ(read->figure("no such figure"), std::nullopt);
}

TEST(Ledger, WhoWasKeptIsAListOfNodes) {
  LedgerLine line = a_line();
  line.kept = {1, 2, 4294967295};
  const std::string json = to_json(line);
  EXPECT_NE(json.find("\"kept\":[1,2,4294967295]}"), std::string::npos) << json;
  const auto read = parse_ledger_line(json);
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(read->kept, line.kept);
  EXPECT_EQ(to_json(*read), json);
  line.kept.emplace().clear();
  EXPECT_EQ(to_json(*parse_ledger_line(to_json(line))), to_json(line));
  for (const char* wrong : {"{\"kept\":3}", "{\"kept\":[-1]}", "{\"kept\":[1.5]}",
                            "{\"kept\":[4294967296]}", "{\"kept\":[null]}"})
    EXPECT_FALSE(parse_ledger_line(wrong).ok()) << wrong;
}

// A run that has blown up is resumed with its lines as they were.
TEST(Ledger, FiguresThatAreNoNumbersSurvive) {
  LedgerLine line = a_line();
  line.figures[1].second = NAN;
  line.figures[2].second = HUGE_VAL;
  const std::string json = to_json(line);
  EXPECT_NE(json.find("\"test_loss\":null,\"missing\":null"), std::string::npos) << json;
  const auto read = parse_ledger_line(json);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(to_json(*read), json);
}

TEST(Ledger, RefusesWhatIsNoLine) {
  for (const char* json : {"", "{", "[]", "3", "{\"round\":\"9\"}", "{\"round\":-1}",
                           "{\"round\":1.5}", "{\"bytes_up\":null}", "{\"x\":true}"})
    EXPECT_FALSE(parse_ledger_line(json).ok()) << json;
}

TEST(Ledger, TheFinalFigureIsTheMeanOfTheLastTenth) {
  std::vector<LedgerLine> lines;
  for (int i = 0; i < 25; ++i) {
    lines.push_back(a_line());
    lines.back().figures = {{"loss", static_cast<double>(i)}};
  }
  EXPECT_EQ(final_figure(lines, "loss"), 23.5);
  lines.resize(5);
  EXPECT_EQ(final_figure(lines, "loss"), 4.0);
  EXPECT_EQ(final_figure(lines, "accuracy"), std::nullopt);
}

}  // namespace
}  // namespace shoal
