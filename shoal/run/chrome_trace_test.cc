#include "shoal/run/chrome_trace.h"

#include <gtest/gtest.h>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "shoal/base/random.h"

namespace shoal {
namespace {

using Json = nlohmann::json;

std::vector<Json> events_of(const Json& document, const std::string& kind) {
  std::vector<Json> events;
  for (const Json& event : document["traceEvents"])
    if (event["ph"] == kind) events.push_back(event);
  return events;
}

TEST(ChromeTrace, AnEmptyOneIsADocument) {
  const Json document = Json::parse(ChromeTrace().json());
  EXPECT_TRUE(events_of(document, "X").empty());
  EXPECT_EQ(document["otherData"]["left_out"], 0);
}

TEST(ChromeTrace, ComputationsAndFramesInMicroseconds) {
  ChromeTrace trace(1);
  trace.transferred(0, 2, tag("model"), 636040, 0.5, 1.25);
  trace.computed(2, 1.25, 3.0);
  trace.transferred(2, 0, tag("up\"\\"), 99, 3.0, 3.000000001);
  const Json document = Json::parse(trace.json());
  const auto events = events_of(document, "X");
  ASSERT_EQ(events.size(), 3u);
  std::map<int, std::string> processes;
  std::map<std::pair<int, int>, std::string> rows;
  for (const Json& name : events_of(document, "M")) {
    if (name["name"] == "process_name") processes[name["pid"]] = name["args"]["name"];
    if (name["name"] == "thread_name") rows[{name["pid"], name["tid"]}] = name["args"]["name"];
  }
  EXPECT_EQ(processes[events[0]["pid"]], "network");
  EXPECT_EQ(processes[events[1]["pid"]], "compute");
  EXPECT_EQ((rows[{events[0]["pid"], 0}]), "server 0");
  EXPECT_EQ((rows[{events[1]["pid"], 2}]), "node 2");
  // The client's row shows its whole round.
  for (const Json& event : events) EXPECT_EQ(event["tid"], 2);
  EXPECT_EQ(events[0]["ts"], 500000.0);
  EXPECT_EQ(events[0]["dur"], 750000.0);
  EXPECT_EQ(events[0]["name"], "model 0 to 2");
  EXPECT_EQ(events[0]["args"], (Json{{"from", 0}, {"to", 2}, {"bytes", 636040}}));
  EXPECT_EQ(events[1]["ts"], 1250000.0);
  EXPECT_EQ(events[1]["dur"], 1750000.0);
  EXPECT_EQ(events[2]["name"], "up\"\\ 2 to 0");
  EXPECT_EQ(events[2]["dur"], 0.001);
}

TEST(ChromeTrace, LeavesOutWhatIsTooMuchAndCountsIt) {
  ChromeTrace trace(0, 10);
  for (int i = 0; i < 13; ++i) trace.computed(0, i, i + 1);
  trace.transferred(0, 1, tag("x"), 1, 0.0, 1.0);
  const Json document = Json::parse(trace.json());
  EXPECT_EQ(events_of(document, "X").size(), 10u);
  EXPECT_EQ(document["otherData"]["events"], 10);
  EXPECT_EQ(document["otherData"]["left_out"], 4);
}

// Viewers misplace events that overlap on one row, so none may; and each row has its node's name.
TEST(ChromeTrace, FramesOfOneRowNeverOverlap) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    RandomStream stream(seed, purpose("test"), 0, 0);
    ChromeTrace trace;
    for (int i = 0; i < 200; ++i) {
      const double begin_s = 10.0 * stream.uniform();
      trace.transferred(static_cast<NodeId>(stream.below(5)), 1, tag("x"), 1, begin_s,
                        begin_s + stream.uniform());
    }
    const Json document = Json::parse(trace.json());
    std::map<int, std::string> names;
    for (const Json& name : events_of(document, "M"))
      if (name["name"] == "thread_name") names[name["tid"]] = name["args"]["name"];
    std::map<int, std::vector<std::pair<double, double>>> rows;
    for (const Json& event : events_of(document, "X")) {
      rows[event["tid"]].emplace_back(event["ts"],
                                      event["ts"].get<double>() + event["dur"].get<double>());
      const std::string node = "node " + std::to_string(event["args"]["from"].get<int>());
      EXPECT_EQ(names[event["tid"]].substr(0, 6), node);
    }
    EXPECT_GT(rows.size(), 5u);
    for (auto& [row, spans] : rows) {
      std::sort(spans.begin(), spans.end());
      for (std::size_t i = 1; i < spans.size(); ++i)
        EXPECT_GE(spans[i].first, spans[i - 1].second - 1e-4);
    }
  }
}

}  // namespace
}  // namespace shoal
