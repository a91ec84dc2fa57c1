// Worlds on a real clock, joined by a transport in memory: each runs on a thread of its own, as
// processes do.
#include "shoal/net/real_world.h"

#include <gtest/gtest.h>
#include <thread>

#include "shoal/sim/simulation.h"

namespace shoal {
namespace {

constexpr Tag kAsk = tag("ask");
constexpr Tag kTell = tag("tell");
constexpr Step kRounds = 5;
constexpr double kPatience_s = 20.0;

// Hands frames to the world that holds their node; observations to the ledger's.
class Wires : public Transport {
 public:
  void send(NodeId from, NodeId to, const Frame& frame) override {
    if (lose_next.exchange(false)) return;
    RealWorld* const world = worlds.at(to);
    world->deliver(from, to, frame);
    if (twice) world->deliver(from, to, frame);
  }
  void observe(NodeId from, Bytes observation) override {
    ledger->observed(from, std::move(observation));
  }
  void drain(double) override {}

  std::map<NodeId, std::atomic<RealWorld*>> worlds;
  RealWorld* ledger = nullptr;
  std::atomic<bool> lose_next{false};
  bool twice = false;
};

// A server adds up what its workers tell it: round * 10 + id.
struct Sum : Persistent {
  void save(ByteWriter& out) const override { out.number(value); }
  Status load(ByteReader& in) override {
    SHOAL_TRY(value, in.number<std::uint64_t>());
    return ok_status();
  }
  std::uint64_t value = 0;
};

Task<> server(Node& node, std::vector<NodeId> workers, double patience_s) {
  Sum sum;
  node.keep(sum);
  for (const Step round : node.steps(kRounds)) {
    MessageBuilder ask(kAsk, round);
    const Frame frame = ask.finish();
    for (const NodeId worker : workers) co_await node.send(worker, frame);
    std::uint64_t told = 0;
    Until until(patience_s);
    until.take = [&told](const Message& message) { told += message.count("n").value(); };
    const Arrivals arrivals = co_await node.gather(kTell, round, workers, until);
    for (const Message& message : arrivals.messages) told += message.count("n").value();
    std::function<void()> add = [&sum, &told] { sum.value += told; };
    co_await node.compute(1.0, std::move(add));
    node.show(round, "missing", static_cast<double>(arrivals.missing.size()));
    const std::vector<float> model = {static_cast<float>(sum.value)};
    if (node.wants_model(round)) node.show_model<float>(round, model);
    node.step_done(round);
  }
}

Task<> worker(Node& node) {
  for (const Step round : node.steps(kRounds)) {
    const auto ask = co_await node.receive(0, kAsk, round, kPatience_s);
    if (!ask) co_return;
    MessageBuilder tell(kTell, round);
    tell.count("n", round * 10 + node.id());
    const Frame frame = tell.finish();
    co_await node.send(0, frame);
    node.count_gradients(1);
  }
}

Program program(std::size_t workers, double patience_s = kPatience_s) {
  std::vector<NodeId> ids;
  for (NodeId id = 1; id <= workers; ++id) ids.push_back(id);
  return [ids, patience_s](Node& node) {
    return node.id() == 0 ? server(node, ids, patience_s) : worker(node);
  };
}

class LastModel : public Observer {
 public:
  bool wants_model(NodeId, Step) const override { return true; }
  void model(NodeId, Step, std::span<const float> parameters) override { last = parameters[0]; }
  void model(NodeId, Step, std::span<const double>) override {}
  void figure(NodeId, Step, std::string_view, double value) override { missing += value; }
  void step_done(NodeId, Step step) override { done.push_back(step); }
  void node_left(NodeId node) override { left.insert(node); }
  void node_returned(NodeId node) override { left.erase(node); }
  float last = 0.0f;
  double missing = 0.0;
  std::vector<Step> done;
  std::set<NodeId> left;
};

RealWorldSettings settings_of(std::size_t nodes, std::vector<NodeId> local) {
  RealWorldSettings settings;
  settings.nodes = nodes;
  settings.servers = 1;
  settings.keeps_ledger = local.front() == 0;
  settings.local = std::move(local);
  settings.count_links = true;
  settings.schedule.length = kRounds;
  settings.schedule.servers = 1;
  settings.observations = {1, kRounds, nodes, NodeId{0}};
  return settings;
}

// sum over rounds and workers of 10 r + i
float expected(std::size_t workers) {
  const auto n = static_cast<double>(workers);
  return static_cast<float>(n * 10.0 * (0 + 1 + 2 + 3 + 4) + kRounds * n * (n + 1) / 2);
}

struct Bench {
  explicit Bench(std::size_t workers, double patience_s = kPatience_s) {
    for (NodeId id = 0; id <= workers; ++id) {
      worlds.push_back(std::make_unique<RealWorld>(settings_of(workers + 1, {id}),
                                                   program(workers, patience_s)));
      worlds.back()->set_transport(&wires);
      wires.worlds[id] = worlds.back().get();
    }
    wires.ledger = worlds.front().get();
    wires.ledger->set_observer(&seen);
  }
  void run_workers() {
    for (std::size_t i = 1; i < worlds.size(); ++i)
      threads.emplace_back([world = worlds[i].get()] { world->run(0.0); });
  }
  ~Bench() {
    for (auto& world : worlds) world->request_stop();
    for (auto& thread : threads) thread.join();
  }
  LastModel seen;
  Wires wires;
  std::vector<std::unique_ptr<RealWorld>> worlds;
  std::vector<std::thread> threads;
};

TEST(RealWorld, ServesAndReports) {
  Bench bench(3);
  bench.run_workers();
  EXPECT_EQ(bench.wires.ledger->run(kPatience_s), RealWorld::Stop::kFinished);
  EXPECT_EQ(bench.seen.last, expected(3));
  EXPECT_EQ(bench.seen.done.size(), kRounds);
  EXPECT_EQ(bench.seen.left, (std::set<NodeId>{0, 1, 2, 3}));
  EXPECT_EQ(bench.wires.ledger->gradients(), 3u * kRounds);
}

// The same program in the simulation: the same sum, the same bytes on every link.
TEST(RealWorld, SendsTheBytesOfTheSimulation) {
  Bench bench(3);
  bench.run_workers();
  bench.wires.ledger->run(kPatience_s);
  ThreadPool pool(1);
  Conditions conditions;
  conditions.servers = 1;
  Simulation simulation(4, conditions, program(3), pool);
  simulation.traffic().count_links(true);
  simulation.run();
  const Traffic real = bench.wires.ledger->all_traffic();
  ASSERT_EQ(real.by_link().size(), simulation.traffic().by_link().size());
  for (const auto& [link, flow] : simulation.traffic().by_link()) {
    EXPECT_EQ(real.by_link().at(link).sent_bytes, flow.sent_bytes);
    EXPECT_EQ(real.by_link().at(link).frames, flow.frames);
    EXPECT_EQ(real.by_link().at(link).received_bytes, flow.received_bytes);
  }
}

TEST(RealWorld, DoubledFramesChangeNothing) {
  Bench bench(3);
  bench.wires.twice = true;
  bench.run_workers();
  bench.wires.ledger->run(kPatience_s);
  EXPECT_EQ(bench.seen.last, expected(3));
}

TEST(RealWorld, ALostFrameEndsTheRoundAtItsDeadline) {
  Bench bench(3, 0.3);
  bench.wires.lose_next = true;  // the first invitation
  bench.run_workers();
  EXPECT_EQ(bench.wires.ledger->run(0.1), RealWorld::Stop::kFinished);
  EXPECT_GE(bench.seen.missing, 1.0 * kRounds);  // that worker waits for round 0 to the end
  EXPECT_EQ(bench.seen.done.size(), kRounds);
}

TEST(RealWorld, StopsWhenAsked) {
  Bench bench(2);  // nobody answers
  std::thread asking([&bench] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    bench.wires.ledger->request_stop();
  });
  EXPECT_EQ(bench.wires.ledger->run(0.0), RealWorld::Stop::kStopped);
  asking.join();
}

// A process that only keeps the ledger is done when every member has left or is lost.
TEST(RealWorld, TheLedgerGoesOnWithoutALostMember) {
  RealWorldSettings settings = settings_of(3, {0});
  settings.servers = settings.schedule.servers = 0;
  settings.local.clear();
  RealWorld world(settings, program(2));
  LastModel seen;
  world.set_observer(&seen);
  for (const NodeId node : {0u, 2u}) {
    ObservationWriter writer(settings.schedule);
    writer.node_left(node);
    world.observed(node, writer.take());
  }
  std::thread losing([&world] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    world.lose(1);
  });
  EXPECT_EQ(world.run(0.0), RealWorld::Stop::kFinished);
  losing.join();
  EXPECT_EQ(seen.left, (std::set<NodeId>{0, 1, 2}));
}

// One that was lost and is there again is waited for as before.
TEST(RealWorld, TheLedgerWaitsForOneThatIsThereAgain) {
  RealWorldSettings settings = settings_of(1, {0});
  settings.servers = settings.schedule.servers = 0;
  settings.local.clear();
  RealWorld world(settings, program(2));
  LastModel seen;
  world.set_observer(&seen);
  world.find(0);  // was never lost
  world.lose(0);
  world.find(0);
  std::thread asking([&world] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    world.request_stop();
  });
  EXPECT_EQ(world.run(0.0), RealWorld::Stop::kStopped);
  asking.join();
  EXPECT_TRUE(seen.left.empty());
}

// Its steps begin where it was told, its program sees what it was told, and what is saved at its
// first boundary is that of a node with a past.
TEST(RealWorld, ANewcomerBeginsWhereItIsTold) {
  struct Told {
    Step missed_from = kForever;
    std::vector<Step> steps;
  };
  const auto told = std::make_shared<Told>();
  const Program counting = [told](Node& node) -> Task<> {
    Sum sum;
    node.keep(sum);
    if (const Newcomer* newcomer = node.newcomer()) told->missed_from = newcomer->missed_from;
    for (const Step step : node.steps(kRounds)) {
      told->steps.push_back(step);
      co_await node.sleep(0.0);
      ++sum.value;
    }
  };
  RealWorldSettings settings = settings_of(1, {0});
  RealWorld world(settings, counting);
  LastModel seen;
  world.set_observer(&seen);
  Bytes saved;
  world.on_boundary([&](Node& node) {
    if (node.step() == 4) saved = world.save(node).state;
  });
  world.begin_as(0, {2, 3, {}});
  EXPECT_EQ(world.run(0.0), RealWorld::Stop::kFinished);
  EXPECT_EQ(told->missed_from, 2u);
  EXPECT_EQ(told->steps, (std::vector<Step>{3, 4}));
  *told = Told();
  RealWorld again(settings, counting);
  again.set_observer(&seen);
  ASSERT_TRUE(again.restore(0, saved).ok());
  EXPECT_EQ(again.run(0.0), RealWorld::Stop::kFinished);
  EXPECT_EQ(told->missed_from, kForever);
  EXPECT_EQ(told->steps, (std::vector<Step>{4}));
}

// Keeps this many bytes, which must all be there.
struct Kept : Persistent {
  explicit Kept(std::size_t bytes) : bytes(bytes) {}
  void save(ByteWriter& out) const override { out.extend(bytes); }
  Status load(ByteReader& in) override {
    SHOAL_TRY(const ByteView read, in.raw(bytes));
    return read.size() == bytes ? ok_status() : corrupt("too few");
  }
  std::size_t bytes;
};
Task<> sleeper(Node& node, std::size_t bytes) {
  Kept kept(bytes);
  node.keep(kept);
  for ([[maybe_unused]] const Step step : node.steps(kRounds)) co_await node.sleep(0.0);
}

// What the node kept reads as nothing its program could have written: the run says so.
TEST(RealWorld, SaysThatAStateCannotBeLoaded) {
  Bytes saved;
  {
    RealWorld world(settings_of(1, {0}), [](Node& node) { return sleeper(node, 4); });
    world.on_boundary([&](Node& node) {
      if (node.step() == 2) saved = world.save(node).state;
    });
    EXPECT_EQ(world.run(0.0), RealWorld::Stop::kFinished);
    EXPECT_TRUE(world.restored().ok());
  }
  RealWorld other(settings_of(1, {0}), [](Node& node) { return sleeper(node, 5); });
  ASSERT_TRUE(other.restore(0, saved).ok());
  EXPECT_EQ(other.run(0.0), RealWorld::Stop::kStopped);
  EXPECT_FALSE(other.restored().ok());
}

// Saved behind its last step, a program has nothing left to do: that is no fault.
TEST(RealWorld, GoesOnFromTheEnd) {
  Bytes saved;
  {
    RealWorld world(settings_of(1, {0}), [](Node& node) { return sleeper(node, 4); });
    world.on_boundary([&](Node& node) {
      if (node.step() == kRounds) saved = world.save(node).state;
    });
    EXPECT_EQ(world.run(0.0), RealWorld::Stop::kFinished);
  }
  ASSERT_FALSE(saved.empty());
  RealWorld again(settings_of(1, {0}), [](Node& node) { return sleeper(node, 4); });
  ASSERT_TRUE(again.restore(0, saved).ok());
  EXPECT_EQ(again.run(0.0), RealWorld::Stop::kFinished);
  EXPECT_TRUE(again.restored().ok());
}

// Stopped at every boundary and gone on with in a fresh world: the same end, with what was sent in
// that step sent again.
TEST(RealWorld, GoesOnFromEveryBoundary) {
  for (Step stop_at = 1; stop_at <= kRounds; ++stop_at) {
    RealWorld again(settings_of(3, {0}), program(2));  // outlives the workers, who send to it
    LastModel seen;
    Bench bench(2);
    Bytes saved;
    Digest kept{};
    bench.wires.ledger->on_boundary([&](Node& node) {
      if (node.step() != stop_at) return;
      const RealWorld::Saved state = bench.wires.ledger->save(node);
      saved = state.state;
      kept = state.kept;
      bench.wires.ledger->request_stop();
    });
    bench.run_workers();
    bench.wires.ledger->run(kPatience_s);
    ASSERT_FALSE(saved.empty());
    seen.last = bench.seen.last;
    again.set_transport(&bench.wires);
    again.set_observer(&seen);
    ASSERT_TRUE(again.restore(0, saved).ok());
    bench.wires.worlds[0] = &again;
    again.run(0.2);
    EXPECT_EQ(seen.last, expected(2)) << stop_at;
    for (std::size_t cut = 0; cut < saved.size(); cut += 7) {
      RealWorld broken(settings_of(3, {0}), program(2));
      EXPECT_FALSE(broken.restore(0, ByteView(saved).first(cut)).ok());
    }
  }
}

}  // namespace
}  // namespace shoal
