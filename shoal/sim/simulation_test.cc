#include "shoal/sim/simulation.h"

#include <cmath>
#include <gtest/gtest.h>
#include <map>

namespace shoal {
namespace {

constexpr Tag kT = tag("t");

// A frame of exactly this many bytes (at least 32).
Frame frame_of(std::size_t bytes, Step round = 0, Tag tag = kT) {
  MessageBuilder builder(tag, round);
  const Bytes content(bytes - 32);
  builder.tensor("x", content);
  return builder.finish();
}

struct Log {
  std::vector<std::pair<Step, double>> arrived;  // round and time, in order of arrival
};

Task<> listen(Node& node, Log& log, double patience_s) {
  for (;;) {
    const auto message = co_await node.next(patience_s);
    if (!message) co_return;
    log.arrived.emplace_back(message->round(), node.now_s());
  }
}

// Sends `frames` frames to one node, `every_s` apart, rounds 0, 1, 2, ...
Task<> speak(Node& node, NodeId to, std::size_t bytes, Step frames, double every_s) {
  for (Step round = 0; round < frames; ++round) {
    const Frame frame = frame_of(bytes, round);
    co_await node.send(to, frame);
    if (every_s > 0.0) co_await node.sleep(every_s);
  }
}

Conditions links(double latency_s, double up, double down, bool shared = true) {
  Conditions conditions;
  conditions.network.latency_s = latency_s;
  conditions.network.up_bits_per_s = up;
  conditions.network.down_bits_per_s = down;
  conditions.network.shared_cards = shared;
  return conditions;
}

void expect_closes(const Simulation& simulation) {
  EXPECT_EQ(simulation.in_flight(), 0u);
  const auto closed = [](const Flow& flow) {
    EXPECT_EQ(flow.sent_bytes, flow.received_bytes + flow.dropped_bytes);
  };
  closed(simulation.traffic().total());
  for (const auto& entry : simulation.traffic().by_tag()) closed(entry.flow);
  for (const auto& [link, flow] : simulation.traffic().by_link()) closed(flow);
}

// Node 0 listens, all others send to it; returns what node 0 heard.
Log many_to_one(const Conditions& conditions, std::size_t nodes, std::size_t bytes, Step frames = 1,
                double every_s = 0.0) {
  Log log;
  ThreadPool pool(1);
  Simulation simulation(
      nodes, conditions,
      [&](Node& node) {
        return node.id() == 0 ? listen(node, log, 50.0) : speak(node, 0, bytes, frames, every_s);
      },
      pool);
  simulation.traffic().count_links(true);
  EXPECT_EQ(simulation.run(), Simulation::Stop::kFinished);
  expect_closes(simulation);
  return log;
}

TEST(Network, AFrameTakesLatencyAndItsBytesOverTheSlowerCard) {
  for (const auto& [up, down, rate] :
       {std::tuple{1e6, 4e6, 1e6}, {4e6, 1e6, 1e6}, {2e6, 2e6, 2e6}, {0.0, 1e6, 1e6}})
    for (const bool shared : {false, true}) {
      const Log log = many_to_one(links(0.25, up, down, shared), 2, 1000);
      ASSERT_EQ(log.arrived.size(), 1u);
      EXPECT_NEAR(log.arrived[0].second, 0.25 + 8000.0 / rate, 1e-15);
    }
  EXPECT_EQ(many_to_one(links(0.25, 0, 0), 2, 1000).arrived[0].second, 0.25);  // unlimited
}

TEST(Network, ACardServesOneFrameAtATime) {
  const double frame_s = 8000.0 / 1e6;
  // Three frames of one sender: its card pushes one after another.
  for (const bool shared : {false, true}) {
    const Log log = many_to_one(links(0.1, 1e6, 0.0, shared), 2, 1000, 3);
    ASSERT_EQ(log.arrived.size(), 3u);
    for (std::size_t i = 0; i < 3; ++i)
      EXPECT_NEAR(log.arrived[i].second, 0.1 + (shared ? static_cast<double>(i + 1) : 1) * frame_s,
                  1e-15);
  }
  // Five senders into one card: p frames take latency + p frame times.
  for (const bool shared : {false, true}) {
    const Log log = many_to_one(links(0.1, 1e6, 1e6, shared), 6, 1000);
    ASSERT_EQ(log.arrived.size(), 5u);
    EXPECT_NEAR(log.arrived.back().second, 0.1 + (shared ? 5 : 1) * frame_s, 1e-14);
  }
  // A card takes a frame until its last byte has come, however slowly; those that waited follow at
  // the card's own rate.
  const Log log = many_to_one(links(0.1, 1e6, 1e8, true), 6, 1000);
  EXPECT_NEAR(log.arrived.back().second, 0.1 + frame_s * 1.04, 1e-14);
}

// Field guide, wall clock: 4 MB each way at 0.75 and 0.25 MB/s, 24 s of work: 45.3333 s.
Task<> server_once(Node& node) {
  const Frame model = frame_of(4'000'000);
  co_await node.send(1, model);
  (void)co_await node.receive(1, kT, 0, 100.0);
}
Task<> client_once(Node& node) {
  (void)co_await node.receive(0, kT, 0, 100.0);
  std::function<void()> train = [] {};
  co_await node.compute(24e9, std::move(train));
  const Frame update = frame_of(4'000'000);
  co_await node.send(0, update);
}

TEST(Network, WallClockOfAFederatedRound) {
  Conditions conditions = links(0.0, 0.25e6 * 8, 0.75e6 * 8);
  conditions.servers = 1;
  conditions.network.server_up_bits_per_s = 1e15;
  conditions.network.server_down_bits_per_s = 1e15;
  ThreadPool pool(1);
  Simulation simulation(
      2, conditions,
      [](Node& node) { return node.id() == 0 ? server_once(node) : client_once(node); }, pool);
  simulation.run();
  EXPECT_NEAR(simulation.now_s(), 4.0 / 0.75 + 24.0 + 4.0 / 0.25, 1e-10);
  EXPECT_NEAR(simulation.now_s(), 45.3333, 5e-5);
  EXPECT_EQ(simulation.bytes_down(), 4'000'000u);
}

TEST(Faults, LossTakesItsShare) {
  Conditions conditions = links(0.01, 0, 0);
  conditions.faults.loss = 0.3;
  const Log log = many_to_one(conditions, 2, 64, 10000, 0.001);
  EXPECT_NEAR(static_cast<double>(log.arrived.size()), 7000.0, 250.0);
  conditions.faults.loss = 0.0;
  EXPECT_EQ(many_to_one(conditions, 2, 64, 1000, 0.001).arrived.size(), 1000u);
}

// A copy is a frame on the wire like any other; the receiver drops what it has seen.
TEST(Faults, DuplicationSendsCopies) {
  Conditions conditions = links(0.01, 0, 0);
  conditions.faults.duplication = 0.25;
  conditions.faults.reordering_delay_s = 0.5;
  Log log;
  ThreadPool pool(1);
  Simulation simulation(
      2, conditions,
      [&](Node& node) {
        return node.id() == 0 ? listen(node, log, 50.0) : speak(node, 0, 64, 4000, 0.001);
      },
      pool);
  simulation.run();
  expect_closes(simulation);
  const double copies =
      static_cast<double>(simulation.traffic().total().sent_bytes) / 64.0 - 4000.0;
  EXPECT_NEAR(copies, 1000.0, 165.0);
  std::map<Step, int> seen;
  for (const auto& [round, time_s] : log.arrived) ++seen[round];
  for (const auto& [round, times] : seen) EXPECT_EQ(times, 1) << round;
  EXPECT_EQ(
      simulation.traffic().fate_bytes(Fate::kLate) + simulation.traffic().fate_bytes(Fate::kUsed),
      simulation.traffic().total().received_bytes);
}

TEST(Faults, ReorderingLetsFramesOvertake) {
  Conditions conditions = links(0.01, 0, 0);
  const auto in_order = [](const Log& log) {
    return std::is_sorted(log.arrived.begin(), log.arrived.end());
  };
  EXPECT_TRUE(in_order(many_to_one(conditions, 2, 64, 200, 0.01)));
  conditions.faults.reordering = 0.2;
  conditions.faults.reordering_delay_s = 1.0;
  const Log log = many_to_one(conditions, 2, 64, 200, 0.01);
  // next() closes a round and all before it, so those that were overtaken are late.
  EXPECT_TRUE(in_order(log));
  EXPECT_LT(log.arrived.size(), 200u);
  EXPECT_GT(log.arrived.size(), 100u);
  for (const auto& [round, time_s] : log.arrived) {
    EXPECT_GE(time_s, 0.01 * round + 0.01 - 1e-12);
    EXPECT_LE(time_s, 0.01 * round + 1.01 + 1e-12);
  }
}

TEST(Faults, JitterHasItsMean) {
  Conditions conditions = links(0.5, 0, 0);
  conditions.network.jitter_s = 0.2;
  const Log log = many_to_one(conditions, 2, 64, 4000, 10.0);
  double sum = 0.0;
  for (const auto& [round, time_s] : log.arrived) sum += time_s - 10.0 * round - 0.5;
  ASSERT_EQ(log.arrived.size(), 4000u);
  EXPECT_NEAR(sum / 4000.0, 0.2, 0.02);
}

TEST(Faults, APartitionDropsWhatCrossesIt) {
  Conditions conditions = links(0.01, 0, 0);
  conditions.faults.partition_share = 1.0;
  conditions.faults.spared = 1;  // node 0 on one side, node 1 on the other
  conditions.faults.partition_start_s = 0.095;
  conditions.faults.partition_duration_s = 0.1;
  const Log log = many_to_one(conditions, 2, 64, 40, 0.01);
  ASSERT_EQ(log.arrived.size(), 30u);
  EXPECT_EQ(log.arrived[9].first, 9u);
  EXPECT_EQ(log.arrived[10].first, 20u);
}

struct Counted {
  static inline int alive = 0;
  Counted() { ++alive; }
  ~Counted() { --alive; }
};
Task<> hold(Node& node) {
  const Counted counted;
  for (;;) (void)co_await node.next(1000.0);
}

class Leavers : public Observer {
 public:
  bool wants_model(NodeId, Step) const override { return false; }
  void model(NodeId, Step, std::span<const float>) override {}
  void model(NodeId, Step, std::span<const double>) override {}
  void figure(NodeId, Step, std::string_view, double) override {}
  void step_done(NodeId, Step) override {}
  void node_left(NodeId node) override { left.push_back(node); }
  std::vector<NodeId> left;
};

TEST(Faults, ACrashEndsAProgramAndItsFrames) {
  Conditions conditions = links(0.01, 0, 0);
  conditions.faults.crash_share = 1.0;
  conditions.faults.crash_within_s = 0.2;
  conditions.faults.spared = 1;
  ThreadPool pool(1);
  Leavers leavers;
  {
    Simulation simulation(
        2, conditions,
        [](Node& node) { return node.id() == 1 ? hold(node) : speak(node, 1, 64, 100, 0.01); },
        pool);
    simulation.set_observer(&leavers);
    EXPECT_EQ(simulation.run(), Simulation::Stop::kFinished);
    EXPECT_TRUE(simulation.crashed(1));
    EXPECT_FALSE(simulation.crashed(0));
    EXPECT_EQ(Counted::alive, 0);
    expect_closes(simulation);
    const double crash_s = crash_time_s(conditions, 1);
    const auto before = static_cast<std::uint64_t>(std::floor((crash_s - 0.01) / 0.01)) + 1;
    EXPECT_EQ(simulation.traffic().total().received_bytes, 64 * before);
    EXPECT_EQ(simulation.traffic().total().sent_bytes, 6400u);
  }
  EXPECT_EQ(leavers.left, (std::vector<NodeId>{1, 0}));
}

TEST(Faults, ALateJoinerHearsNothingBefore) {
  Conditions conditions = links(0.01, 0, 0);
  conditions.faults.late_share = 1.0;
  conditions.faults.late_within_s = 0.5;
  const double join_s = join_time_s(conditions, 0);
  ASSERT_GT(join_s, 0.0);
  conditions.faults.spared = 0;
  Log log;
  double started_s = -1.0;
  ThreadPool pool(1);
  Simulation simulation(
      2, conditions,
      [&](Node& node) {
        if (node.id() == 0) started_s = node.now_s();
        return node.id() == 0 ? listen(node, log, 50.0) : speak(node, 0, 64, 100, 0.01);
      },
      pool);
  simulation.run();
  expect_closes(simulation);
  EXPECT_EQ(started_s, join_s);
  const double other_s = join_time_s(conditions, 1);
  ASSERT_FALSE(log.arrived.empty());
  for (const auto& [round, time_s] : log.arrived) EXPECT_GE(time_s, join_s);
  EXPECT_NEAR(log.arrived.front().second, std::max(join_s, other_s + 0.01), 0.0101);
  EXPECT_GT(simulation.traffic().total().dropped_bytes + (other_s > join_s ? 1u : 0u), 0u);
}

TEST(Simulation, EndOfTimeStopsWhatWouldGoOn) {
  Conditions conditions = links(0.01, 0, 0);
  conditions.end_s = 0.5;
  ThreadPool pool(1);
  Simulation simulation(
      3, conditions,
      [](Node& node) { return node.id() == 1 ? hold(node) : speak(node, 1, 64, 1000, 0.01); },
      pool);
  EXPECT_EQ(simulation.run(), Simulation::Stop::kEndOfTime);
  EXPECT_EQ(Counted::alive, 0);
  EXPECT_LE(simulation.now_s(), 0.5);
  expect_closes(simulation);
}

// A simulation torn down in the middle lets running computations end first.
Task<> compute_for_ever(Node& node, std::vector<int>& done) {
  for (;;) {
    std::function<void()> job = [&done, id = node.id()] { ++done[id]; };
    co_await node.compute(1e9, std::move(job));
  }
}

TEST(Simulation, TornDownInTheMiddle) {
  std::vector<int> done(8);
  ThreadPool pool(3);
  {
    Conditions conditions;
    conditions.end_s = 10.5;
    Simulation simulation(
        8, conditions, [&](Node& node) { return compute_for_ever(node, done); }, pool);
    EXPECT_EQ(simulation.run(), Simulation::Stop::kEndOfTime);
  }
  for (const int count : done) EXPECT_EQ(count, 11);  // ten results, and the one under way
}

// Counts in a kept state, exchanges with a neighbour, and can be continued from any instant.
class Counter : public Persistent {
 public:
  void save(ByteWriter& out) const override { out.number(value); }
  Status load(ByteReader& in) override {
    SHOAL_TRY(value, in.number<std::uint64_t>());
    return ok_status();
  }
  std::uint64_t value = 0;
};
Task<> count_together(Node& node, std::vector<std::uint64_t>& results, Simulation** simulation) {
  Counter counter;
  node.keep(counter);
  const NodeId other = node.id() ^ 1;
  for (const Step step : node.steps(20)) {
    const Frame frame = frame_of(100, step);
    co_await node.send(other, frame);
    const auto message = co_await node.receive(other, kT, step, 5.0);
    std::function<void()> job = [&counter, &message] {
      counter.value = 3 * counter.value + (message ? message->round() : 7);
    };
    co_await node.compute(1e7, std::move(job));
    co_await node.sleep(0.05);
    if (node.id() == 0 && step == 6 && *simulation) (*simulation)->request_checkpoint();
  }
  results[node.id()] = counter.value;
}

// Four such nodes; `asks` makes node 0 ask for a checkpoint after its seventh step.
struct Counting {
  ThreadPool pool{1};
  Conditions conditions = links(0.03, 1e5, 1e5);
  std::vector<std::uint64_t> results = std::vector<std::uint64_t>(4);
  Simulation* asks = nullptr;

  std::unique_ptr<Simulation> make(std::size_t nodes = 4) {
    return std::make_unique<Simulation>(
        nodes, conditions, [this](Node& node) { return count_together(node, results, &asks); },
        pool);
  }
  Bytes checkpoint_of(Simulation& simulation) {
    asks = &simulation;
    EXPECT_EQ(simulation.run(), Simulation::Stop::kCheckpoint);
    asks = nullptr;
    EXPECT_GT(simulation.in_flight(), 0u);
    return simulation.save();
  }
};

TEST(Checkpoint, TruncatedAnywhereIsAnError) {
  Counting counting;
  counting.conditions.faults.loss = 0.1;
  const auto simulation = counting.make();
  const Bytes checkpoint = counting.checkpoint_of(*simulation);
  ASSERT_EQ(simulation->run(), Simulation::Stop::kFinished);
  const std::vector<std::uint64_t> results = std::exchange(counting.results, {0, 0, 0, 0});
  for (std::size_t size = 0; size < checkpoint.size(); ++size)
    EXPECT_FALSE(counting.make()->restore(ByteView(checkpoint).first(size)).ok()) << size;
  Bytes longer = checkpoint;
  longer.push_back(std::byte{0});
  EXPECT_FALSE(counting.make()->restore(longer).ok());
  EXPECT_NE(counting.make(3)->restore(checkpoint).error().message.find("a checkpoint of 4 nodes"),
            std::string::npos);
  const auto whole = counting.make();
  ASSERT_TRUE(whole->restore(checkpoint).ok());
  EXPECT_EQ(whole->run(), Simulation::Stop::kFinished);
  EXPECT_EQ(counting.results, results);
  EXPECT_EQ(whole->trace_digest(), simulation->trace_digest());
  EXPECT_EQ(whole->traffic().total().sent_bytes, simulation->traffic().total().sent_bytes);
}

// Figures of a checkpoint that would lead out of a table are refused, not followed.
TEST(Checkpoint, FlippedBitsNeverCrash) {
  Counting counting;
  const auto simulation = counting.make();
  const Bytes checkpoint = counting.checkpoint_of(*simulation);
  std::size_t refused = 0;
  for (std::size_t bit = 0; bit < 8 * checkpoint.size(); ++bit) {
    Bytes flipped = checkpoint;
    flipped[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    refused += !counting.make()->restore(flipped).ok();
  }
  EXPECT_GT(refused, 1000u);
}

}  // namespace
}  // namespace shoal
