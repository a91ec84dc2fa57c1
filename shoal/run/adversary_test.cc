#include "shoal/run/adversary.h"

#include <algorithm>
#include <gtest/gtest.h>

#include "shoal/method/federated.h"
#include "shoal/rule/rule.h"

namespace shoal {
namespace {

struct Bench {
  Layout layout;
  std::unique_ptr<Codec> codec;

  explicit Bench(std::size_t dimension, const char* kind = "dense") {
    layout.add("x", {static_cast<std::uint32_t>(dimension)});
    Table table;
    table.set("kind", kind);
    if (std::string(kind) == "top_k") table.set("k", 1);
    codec = codecs().make(table, "[codec]").value();
  }
  Message message(NodeId sender, const std::vector<float>& row) const {
    ByteWriter encoded;
    EXPECT_TRUE(codec->encode(row, layout, codec_draws(1, 0, 0), encoded).ok());
    MessageBuilder builder(kUpdateTag, 4);
    builder.tensor("update", encoded.bytes()).count("rows", 10 + sender).number("divisor", 2.5);
    Frame frame = builder.finish();
    const FrameHeader header = read_frame_header(*frame).value();
    return Message(sender, std::move(frame), header);
  }
  std::vector<float> row(const Message& message) const {
    std::vector<float> row(layout.size());
    EXPECT_TRUE(
        codec->decode(message.tensor("update").value(), layout, shared_draws(1, 0), row).ok());
    return row;
  }
  Adversary adversary(Table attack, std::vector<NodeId> liars) const {
    return Adversary(attacks().make(attack, "[attack]").value(), std::move(liars), *codec, layout,
                     1);
  }
};

Table inner_product(double scale) {
  Table table;
  table.set("kind", "inner_product");
  table.set("scale", scale);
  return table;
}

float aggregate(const char* kind, const Bench& bench, const std::vector<Message>& messages) {
  Table table;
  table.set("kind", kind);
  const auto rule = rules().make(table, "[rule]").value();
  std::vector<std::vector<float>> rows;
  for (const Message& message : messages) rows.push_back(bench.row(message));
  RoundView view;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    view.rows.emplace_back(rows[i]);
    view.senders.push_back(messages[i].sender());
    view.weights.push_back(1.0 / static_cast<double>(rows.size()));
  }
  float out = 0.0f;
  EXPECT_TRUE(rule->aggregate(view, std::span(&out, 1)).ok());
  return out;
}

// Fall of Empires: honest scalars -1, 0.5, 5 with mean 1.5, and two liars.
TEST(Adversary, InnerProductByHand) {
  const Bench bench(1);
  struct Row {
    double scale;
    float sent, median, mean;
  };
  for (const Row& row : {Row{0.1, -0.15f, -0.15f, 0.84f}, Row{0.5, -0.75f, -0.75f, 0.6f},
                         Row{2.0, -3.0f, -1.0f, -0.3f}, Row{10.0, -15.0f, -1.0f, -5.1f}}) {
    Adversary adversary = bench.adversary(inner_product(row.scale), {2, 5});
    std::vector<Message> messages = {bench.message(1, {-1.0f}), bench.message(2, {100.0f}),
                                     bench.message(3, {0.5f}), bench.message(4, {5.0f}),
                                     bench.message(5, {-7.0f})};
    adversary.round_closed(0, messages);
    EXPECT_FLOAT_EQ(bench.row(messages[1])[0], row.sent);
    EXPECT_EQ(bench.row(messages[1]), bench.row(messages[4]));
    EXPECT_EQ(bench.row(messages[0])[0], -1.0f);  // the honest ones stand
    EXPECT_EQ(bench.row(messages[3])[0], 5.0f);
    EXPECT_NEAR(aggregate("coordinate_median", bench, messages), row.median, 1e-6);
    EXPECT_NEAR(aggregate("mean", bench, messages), row.mean, 1e-5);
  }
}

// Only the content changes: tag, round, sender and what a liar claims about itself stay.
TEST(Adversary, KeepsTheRestOfAMessage) {
  const Bench bench(3);
  Adversary adversary = bench.adversary(inner_product(1.0), {2});
  std::vector<Message> messages = {bench.message(1, {1, 2, 3}), bench.message(2, {0, 0, 0})};
  const std::size_t bytes = messages[1].size_bytes();
  adversary.round_closed(0, messages);
  EXPECT_EQ(bench.row(messages[1]), (std::vector<float>{-1, -2, -3}));
  EXPECT_EQ(messages[1].sender(), 2u);
  EXPECT_EQ(messages[1].tag(), kUpdateTag);
  EXPECT_EQ(messages[1].round(), 4u);
  EXPECT_EQ(messages[1].count("rows").value(), 12u);
  EXPECT_EQ(messages[1].number("divisor").value(), 2.5);
  EXPECT_EQ(messages[1].size_bytes(), bytes);
}

// What a liar sends goes through the codec like everything else.
TEST(Adversary, EncodesWithTheRunsCodec) {
  const Bench bench(3, "top_k");
  Adversary adversary = bench.adversary(inner_product(1.0), {3});
  std::vector<Message> messages = {bench.message(1, {0, 2, 0}), bench.message(2, {0, 0, 4}),
                                   bench.message(3, {1, 0, 0})};
  adversary.round_closed(0, messages);
  EXPECT_EQ(bench.row(messages[2]), (std::vector<float>{0, 0, -2}));
}

// Arrivals that the attack has no answer for: nothing is forged, and nothing fails.
TEST(Adversary, RoundsWithoutEnoughHonestRowsAreLeftAlone) {
  const Bench bench(1);
  Adversary alone = bench.adversary(inner_product(1.0), {1, 2});
  std::vector<Message> liars_only = {bench.message(1, {1.0f}), bench.message(2, {2.0f})};
  alone.round_closed(0, liars_only);
  EXPECT_EQ(bench.row(liars_only[0])[0], 1.0f);
  Table little;
  little.set("kind", "little_is_enough");
  Adversary most = bench.adversary(little, {1, 2, 3});
  std::vector<Message> few = {bench.message(1, {1.0f}), bench.message(2, {2.0f}),
                              bench.message(3, {3.0f}), bench.message(4, {4.0f})};
  most.round_closed(0, few);
  EXPECT_EQ(bench.row(few[2])[0], 3.0f);
  // Its own row is all a sign flip needs.
  Table flip;
  flip.set("kind", "sign_flip");
  Adversary flips = bench.adversary(flip, {1, 2});
  flips.round_closed(0, liars_only);
  EXPECT_EQ(bench.row(liars_only[1])[0], -2.0f);
}

TEST(Adversary, ARowThatDoesNotDecodeStands) {
  const Bench bench(2);
  Adversary adversary = bench.adversary(inner_product(1.0), {2});
  MessageBuilder builder(kUpdateTag, 4);
  builder.tensor("update", {}).count("rows", 1);
  Frame frame = builder.finish();
  const FrameHeader header = read_frame_header(*frame).value();
  std::vector<Message> messages = {bench.message(1, {1, 1}), Message(2, frame, header)};
  adversary.round_closed(0, messages);
  EXPECT_EQ(messages[1].tensor("update").value().size(), 0u);
}

TEST(DrawLiars, AreDistinctWorkers) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const auto liars = draw_liars(seed, 1, 10, 4);
    ASSERT_EQ(liars.size(), 4u);
    for (std::size_t i = 0; i < 4; ++i) {
      EXPECT_TRUE(liars[i] >= 1 && liars[i] <= 10);
      if (i > 0) {
        EXPECT_LT(liars[i - 1], liars[i]);
      }
    }
  }
  EXPECT_NE(draw_liars(1, 1, 100, 10), draw_liars(2, 1, 100, 10));
}

}  // namespace
}  // namespace shoal
