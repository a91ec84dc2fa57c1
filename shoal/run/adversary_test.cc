#include "shoal/run/adversary.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <set>

#include "shoal/method/federated.h"
#include "shoal/rule/pipeline.h"

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
  AdversaryPlan plan(Table attack, std::vector<NodeId> liars) const {
    AdversaryPlan plan;
    RowPlace& place = plan.places.emplace_back();
    place.tag = kUpdateTag;
    place.parts = {"update"};
    place.layout = layout;
    place.codec = codec.get();
    place.weight = "rows";
    plan.liars = std::make_shared<Liars>(std::move(liars));
    plan.make_attack = [attack] { return attacks().make(attack, "[attack]"); };
    return plan;
  }
  Adversary adversary(Table attack, std::vector<NodeId> liars) const {
    return Adversary(plan(attack, std::move(liars)));
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

// Peers who send raw rows to each other, two rows of one number each a message.
struct Peers {
  Layout layout;
  explicit Peers() { layout.add("x", {1}); }

  static Frame frame(Step round, const std::vector<double>& row) {
    MessageBuilder builder(tag("gossip"), round);
    builder.vector<double>("x", row).count("other", 7);
    return builder.finish();
  }
  static Message message(NodeId sender, Step round, const std::vector<double>& row) {
    const Frame sent = frame(round, row);
    return Message(sender, sent, read_frame_header(*sent).value());
  }
  static std::vector<double> row(const Message& message) {
    std::vector<double> row(2);
    EXPECT_TRUE(message.vector<double>("x", row).ok());
    return row;
  }
  AdversaryPlan plan(const Table& attack, std::vector<NodeId> liars) const {
    AdversaryPlan plan;
    RowPlace& place = plan.places.emplace_back();
    place.tag = tag("gossip");
    place.rows = 2;
    place.layout = layout;
    place.in_double = true;
    plan.liars = std::make_shared<Liars>(std::move(liars));
    plan.make_attack = [attack] { return attacks().make(attack, "[attack]"); };
    plan.among_peers = true;
    return plan;
  }
};

// The receiver's own row counts among the honest ones; both rows of a message are forged.
TEST(Adversary, AmongPeers) {
  const Peers peers;
  Adversary adversary(peers.plan(inner_product(1.0), {1}));
  std::vector<Message> messages = {Peers::message(0, 3, {1, 10}), Peers::message(1, 3, {9, 9})};
  adversary.sent(2, Peers::frame(3, {3, 30}));
  adversary.round_closed(2, messages);
  EXPECT_EQ(Peers::row(messages[1]), (std::vector<double>{-2, -20}));
  EXPECT_EQ(Peers::row(messages[0]), (std::vector<double>{1, 10}));
  EXPECT_EQ(messages[1].count("other").value(), 7u);
  // A row it sent in another round is not of this one; a liar who receives has none to add.
  std::vector<Message> later = {Peers::message(0, 4, {1, 10}), Peers::message(1, 4, {9, 9})};
  adversary.round_closed(2, later);
  EXPECT_EQ(Peers::row(later[1]), (std::vector<double>{-1, -10}));
  std::vector<Message> honest = {Peers::message(0, 4, {1, 10}), Peers::message(2, 4, {5, 5})};
  adversary.sent(1, Peers::frame(4, {9, 9}));
  adversary.round_closed(1, honest);
  EXPECT_EQ(Peers::row(honest[0]), (std::vector<double>{1, 10}));
  // Other tags and rounds that hold something else are none of its business.
  AdversaryPlan second = peers.plan(inner_product(1.0), {1});
  second.places[0].rounds_per_step = 2;
  Adversary every_other(std::move(second));
  std::vector<Message> odd = {Peers::message(0, 3, {1, 10}), Peers::message(1, 3, {9, 9})};
  every_other.round_closed(2, odd);
  EXPECT_EQ(Peers::row(odd[1]), (std::vector<double>{9, 9}));
}

// Of two places each has rows of its own length, its own draws and its own memory; liars lie by
// the step, not by the round of a message.
TEST(Adversary, ForgesInEveryPlace) {
  const Peers peers;
  Table stale;
  stale.set("kind", "stale_replay");
  stale.set("delay", 1);
  AdversaryPlan plan = peers.plan(stale, {});
  plan.liars = std::make_shared<Liars>(std::vector<NodeId>{1}, LyingRounds{.from = 1, .every = 1});
  plan.places[0].rounds_per_step = 2;
  plan.places.push_back(plan.places[0]);
  plan.places[1].phase = 1;
  plan.places[1].rows = 1;
  plan.places[1].one_for_all = false;
  Adversary adversary(plan);
  const auto heard = [&adversary](Step round) {
    const double value = 10.0 + round;
    const auto row =
        round % 2 == 0 ? std::vector<double>{value, value} : std::vector<double>{value};
    std::vector<Message> messages = {Peers::message(1, round, row)};
    adversary.round_closed(2, messages);
    std::vector<double> read(row.size());
    EXPECT_TRUE(messages[0].vector<double>("x", read).ok());
    EXPECT_EQ(read.front(), read.back());
    return read[0];
  };
  // Steps 0 (honest), 1, 2 and 3, of two rounds each.
  std::vector<double> told;
  for (Step round = 0; round < 8; ++round) told.push_back(heard(round));
  EXPECT_EQ(told, (std::vector<double>{10, 11, 12, 13, 12, 13, 14, 15}));
  // Whose own row is another to each receiver is not seen among the honest ones.
  AdversaryPlan flips = peers.plan(inner_product(1.0), {1});
  flips.places[0].one_for_all = false;
  Adversary alone(std::move(flips));
  alone.sent(2, Peers::frame(3, {3, 30}));
  std::vector<Message> messages = {Peers::message(0, 3, {1, 10}), Peers::message(1, 3, {9, 9})};
  alone.round_closed(2, messages);
  EXPECT_EQ(Peers::row(messages[1]), (std::vector<double>{-1, -10}));
}

// In an all-gather every receiver is told the same, whatever the attack draws and whoever is first.
TEST(Adversary, TellsAllOfAnAllGatherTheSame) {
  const Peers peers;
  Table noise;
  noise.set("kind", "gaussian_noise");
  AdversaryPlan plan = peers.plan(noise, {1});
  plan.places[0].same_everywhere = true;
  Adversary adversary(plan);
  const auto hear = [](Adversary& from, NodeId receiver, Step round) {
    std::vector<Message> messages;
    for (NodeId sender = 0; sender < 4; ++sender) {
      const std::vector<double> row = {1.0 + sender, 2.0};
      if (sender == receiver)
        from.sent(sender, Peers::frame(round, row));
      else
        messages.push_back(Peers::message(sender, round, row));
    }
    from.round_closed(receiver, messages);
    return Peers::row(messages[receiver == 0 ? 0 : 1]);
  };
  const auto told = hear(adversary, 2, 0);
  EXPECT_EQ(hear(adversary, 0, 0), told);
  EXPECT_NE(hear(adversary, 3, 1), told);
  // A checkpoint between two receivers of a round.
  ByteWriter saved;
  adversary.save(saved);
  Adversary resumed(plan);
  ByteReader in(saved.bytes());
  ASSERT_TRUE(resumed.load(in).ok());
  EXPECT_TRUE(in.done());
  EXPECT_EQ(hear(resumed, 0, 1), hear(adversary, 0, 1));
  // In gossip each neighbourhood has its own.
  Adversary gossip(peers.plan(noise, {1}));
  EXPECT_NE(hear(gossip, 2, 0), hear(gossip, 0, 0));
}

TEST(Adversary, EquivocatesByTheReceiversId) {
  const Peers peers;
  Table constant;
  constant.set("kind", "constant");
  constant.set("value", 3.0);
  AdversaryPlan plan = peers.plan(constant, {1});
  plan.equivocate = true;
  Adversary adversary(plan);
  for (const NodeId receiver : {2u, 5u}) {
    std::vector<Message> messages = {Peers::message(1, 0, {9, 9}), Peers::message(3, 0, {1, 1})};
    adversary.round_closed(receiver, messages);
    const double told = receiver == 2 ? 3.0 : -3.0;
    EXPECT_EQ(Peers::row(messages[0]), (std::vector<double>{told, told}));
  }
}

// NaN has no encoding: the liar sends an empty tensor, which every receiver refuses.
TEST(Adversary, WhatHasNoEncodingGoesOutEmpty) {
  const Bench bench(2);
  Table table;
  table.set("kind", "not_finite");
  Adversary adversary = bench.adversary(table, {2});
  std::vector<Message> messages = {bench.message(1, {1, 1}), bench.message(2, {2, 2})};
  adversary.round_closed(0, messages);
  EXPECT_EQ(messages[1].tensor("update").value().size(), 0u);
  AdversaryPlan raw = bench.plan(table, {2});
  raw.places[0].codec = nullptr;
  Adversary without_codec(std::move(raw));
  messages[1] = bench.message(2, {2, 2});
  without_codec.round_closed(0, messages);
  std::vector<float> row(2);
  ASSERT_TRUE(messages[1].vector<float>("update", row).ok());
  EXPECT_TRUE(std::isnan(row[0]) && std::isnan(row[1]));
}

// The probe is the run's rule on this round's rows, in sender order and with claimed weights.
TEST(Adversary, ProbesTheReceiversRule) {
  const Bench bench(1);
  Table search = inner_product(0.1);
  search.set("optimise", true);
  search.set("probes", 3);
  search.set("delta", 1.0);
  search.set("ratio", 0.5);
  AdversaryPlan plan = bench.plan(search, {2});
  Table mean;
  mean.set("kind", "mean");
  plan.make_rule = [mean] { return rules().make(mean, "[rule]"); };
  Adversary adversary(plan);
  // The mean goes farther with every step: 0, 1, 1.5, 1.75.
  std::vector<Message> messages = {bench.message(1, {1.0f}), bench.message(2, {5.0f}),
                                   bench.message(4, {3.0f})};
  adversary.round_closed(0, messages);
  EXPECT_FLOAT_EQ(bench.row(messages[1])[0], -1.75f * 2.0f);
}

// Single values of anybody's row change; nothing else does, and nobody lies.
TEST(Adversary, CorruptsValuesInTransit) {
  const Bench bench(40);
  Table flip;
  flip.set("kind", "bit_flip");
  flip.set("dims", 30);
  AdversaryPlan plan = bench.plan(flip, {});
  plan.liars = nullptr;
  Adversary adversary(std::move(plan));
  const std::vector<float> ones(40, 1.0f);
  std::vector<Message> messages;
  for (NodeId sender = 1; sender <= 5; ++sender) messages.push_back(bench.message(sender, ones));
  adversary.round_closed(0, messages);
  std::set<std::size_t> hit;
  for (std::size_t i = 0; i < 40; ++i) {
    std::size_t changed = 0;
    for (std::size_t k = 0; k < messages.size(); ++k) {
      const float value = bench.row(messages[k])[i];
      if (value == 1.0f) continue;
      EXPECT_EQ(value, -2.305843009213693952e19f);
      hit.insert(k);
      ++changed;
    }
    EXPECT_EQ(changed, i < 30 ? 1u : 0u);
  }
  EXPECT_EQ(hit.size(), 5u);
}

TEST(Liars, MoveFromRoundToRound) {
  const auto senders = [](Step round) {
    return round == 3 ? std::vector<NodeId>{4} : std::vector<NodeId>{2, 5, 7, 8, 9, 12, 30};
  };
  const Liars liars(1, 3, senders);
  std::set<std::vector<NodeId>> sets;
  for (Step round = 0; round < 20; ++round) {
    const std::vector<NodeId> now = liars.in_round(round);
    ASSERT_EQ(now.size(), round == 3 ? 1u : 3u);
    for (const NodeId node : senders(round))
      EXPECT_EQ(liars.lies(node, round), std::ranges::binary_search(now, node));
    sets.insert(now);
  }
  EXPECT_GT(sets.size(), 10u);
  EXPECT_EQ(Liars(1, 3, senders).in_round(17), liars.in_round(17));
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
