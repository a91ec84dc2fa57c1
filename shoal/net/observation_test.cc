// What one process saw, shown again in another; and what strangers make of that format.
#include "shoal/net/observation.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <limits>

namespace shoal {
namespace {

// Writes down what it is shown.
class Diary : public Observer {
 public:
  bool wants_model(NodeId, Step) const override { return true; }
  void model(NodeId node, Step step, std::span<const float> parameters) override {
    lines.push_back(fmt::format("model {} {} {}", node, step, fmt::join(parameters, " ")));
  }
  void model(NodeId node, Step step, std::span<const double> parameters) override {
    lines.push_back(fmt::format("double {} {} {}", node, step, fmt::join(parameters, " ")));
  }
  void figure(NodeId node, Step step, std::string_view name, double value) override {
    lines.push_back(fmt::format("{} {} {} {}", name, node, step, value));
  }
  void step_done(NodeId node, Step step) override {
    lines.push_back(fmt::format("done {} {}", node, step));
  }
  void node_left(NodeId node) override { lines.push_back(fmt::format("left {}", node)); }
  std::vector<std::string> lines;
};

ReportSchedule every_round() {
  ReportSchedule schedule;
  schedule.length = 10;
  return schedule;
}

ObservationLimits limits_of(std::optional<NodeId> only_node) {
  ObservationLimits limits;
  limits.dimension = 2;
  limits.length = 10;
  limits.nodes = 5;
  limits.only_node = only_node;
  return limits;
}

Bytes everything() {
  ObservationWriter writer(every_round());
  writer.model(3, 1, std::vector<float>{1.5f, -2.0f});
  writer.model(3, 2, std::vector<double>{0.25, 4.0});
  writer.figure(3, 2, "train_loss", 0.75);
  writer.step_done(3, 2);
  writer.counts(7, 100, 50);
  Traffic traffic;
  traffic.count_links(true);
  traffic.sent(3, 4, tag("x"), 11);
  writer.traffic(traffic);
  writer.node_left(3);
  return writer.take();
}

TEST(Observation, ComesBackAsItWasSeen) {
  Diary diary;
  Traffic traffic;
  const auto counts = show_observation(everything(), limits_of(3), diary, traffic);
  ASSERT_TRUE(counts.ok());
  EXPECT_EQ(diary.lines, (std::vector<std::string>{"model 3 1 1.5 -2", "double 3 2 0.25 4",
                                                   "train_loss 3 2 0.75", "done 3 2", "left 3"}));
  EXPECT_EQ(counts->gradients, 7u);
  EXPECT_EQ(counts->sent_bytes, 100u);
  EXPECT_EQ(counts->received_bytes, 50u);
  EXPECT_EQ(counts->left, (std::vector<NodeId>{3}));
  EXPECT_EQ(traffic.by_link().at({3, 4, tag("x")}).sent_bytes, 11u);
}

TEST(Observation, OnlyTheServerReportsWhereThereIsOne) {
  ReportSchedule schedule = every_round();
  schedule.servers = 1;
  ObservationWriter writer(schedule);
  EXPECT_FALSE(writer.wants_model(3, 0));
  writer.figure(3, 0, "train_loss", 1.0);
  writer.step_done(3, 0);
  EXPECT_TRUE(writer.empty());
}

// Cut anywhere, or with any bit turned, it is refused whole or stays within its limits.
TEST(Observation, NothingIsShownOfABadOne) {
  const Bytes good = everything();
  for (std::size_t size = 1; size < good.size(); ++size) {
    Diary diary;
    Traffic traffic;
    const ByteView cut = ByteView(good).first(size);
    if (!show_observation(cut, limits_of(3), diary, traffic).ok()) {
      EXPECT_TRUE(diary.lines.empty());
      EXPECT_EQ(traffic.total().frames, 0u);
    }
  }
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    Bytes turned = good;
    turned[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    Diary diary;
    Traffic traffic;
    const auto counts = show_observation(turned, limits_of(3), diary, traffic);
    if (!counts.ok()) {
      EXPECT_TRUE(diary.lines.empty());
      continue;
    }
    for (const NodeId node : counts->left) EXPECT_EQ(node, 3u);
  }
}

TEST(Observation, OthersAndStrangeValuesAreRefused) {
  const auto refused = [](auto write) {
    ObservationWriter writer(every_round());
    write(writer);
    Diary diary;
    Traffic traffic;
    return !show_observation(writer.take(), limits_of(3), diary, traffic).ok();
  };
  EXPECT_TRUE(refused([](auto& writer) { writer.step_done(2, 0); }));
  EXPECT_TRUE(refused([](auto& writer) { writer.step_done(3, 10); }));
  EXPECT_TRUE(refused([](auto& writer) { writer.node_left(4); }));
  EXPECT_TRUE(refused([](auto& writer) { writer.model(3, 0, std::vector<float>{1.0f}); }));
  EXPECT_TRUE(refused([](auto& writer) { writer.figure(3, 0, "a b", 1.0); }));
  EXPECT_TRUE(refused([](auto& writer) { writer.figure(3, 0, std::string(65, 'a'), 1.0); }));
  EXPECT_FALSE(refused([](auto& writer) { writer.figure(3, 0, "loss", NAN); }));
}

}  // namespace
}  // namespace shoal
