// A node in a world of the test's own: frames are put before it, and time passes, by hand.
#include "shoal/node/node.h"

#include <gtest/gtest.h>
#include <map>

namespace shoal {
namespace {

class HandWorld : public World {
 public:
  double now_s() const override { return time_s; }
  std::uint64_t seed() const override { return 1; }
  void send(NodeId, NodeId to, const Frame& frame) override { sent.emplace_back(to, frame); }
  void set_timer(NodeId, double at_s) override { timers.push_back(at_s); }
  void compute(NodeId, double, std::function<void()> job) override { jobs.push_back(job); }
  void reattach_compute(NodeId, std::function<void()> job) override { jobs.push_back(job); }
  void resume(std::coroutine_handle<> program) override { queue.post(program); }
  void fate(NodeId, Fate fate, std::size_t) override { ++fates[fate]; }
  void count_gradients(std::uint64_t evaluations) override { gradients += evaluations; }
  Observer* observer() override { return nullptr; }
  void at_boundary(Node&) override {}
  void at_end(Node&) override { ++ends; }
  bool hands_over_early() const override { return early; }

  // Lets the clock run to this time, timer by timer.
  void run_to(Node& node, double end_s) {
    for (;;) {
      auto first = std::min_element(timers.begin(), timers.end());
      if (first == timers.end() || *first > end_s) break;
      time_s = *first;
      timers.erase(first);
      node.on_timer();
      queue.drain();
    }
    time_s = end_s;
  }
  void deliver(Node& node, NodeId sender, Tag tag, Step round) {
    MessageBuilder builder(tag, round);
    builder.count("n", sender);
    node.on_frame(sender, builder.finish());
    queue.drain();
  }

  double time_s = 0.0;
  std::vector<double> timers;
  std::vector<std::pair<NodeId, Frame>> sent;
  std::vector<std::function<void()>> jobs;
  std::map<Fate, int> fates;
  std::uint64_t gradients = 0;
  bool early = false;
  int ends = 0;
  RunQueue queue;
};

constexpr Tag kT = tag("t");
constexpr Tag kOther = tag("other");

struct Gathered {
  std::vector<Arrivals> rounds;
  std::vector<double> times_s;
};

Task<> gather_rounds(Node& node, std::vector<NodeId> expected, Until until, Step rounds,
                     Gathered& out) {
  for (Step round = 0; round < rounds; ++round) {
    Arrivals arrivals = co_await node.gather(kT, round, expected, until);
    out.rounds.push_back(std::move(arrivals));
    out.times_s.push_back(node.now_s());
  }
}

std::vector<NodeId> senders(const Arrivals& arrivals) {
  std::vector<NodeId> ids;
  for (const Message& message : arrivals.messages) ids.push_back(message.sender());
  return ids;
}

using Ids = std::vector<NodeId>;

TEST(Gather, AllExpectedInOrderOfSender) {
  HandWorld world;
  Node node(0, world);
  Gathered out;
  Task<> program = gather_rounds(node, {2, 5, 9}, Until(10.0), 1, out);
  program.start(world.queue);
  world.deliver(node, 9, kT, 0);
  world.deliver(node, 2, kT, 0);
  EXPECT_TRUE(out.rounds.empty());
  world.deliver(node, 5, kT, 0);
  ASSERT_EQ(out.rounds.size(), 1u);
  EXPECT_EQ(senders(out.rounds[0]), (Ids{2, 5, 9}));
  EXPECT_FALSE(out.rounds[0].timed_out);
  EXPECT_TRUE(program.done());
}

TEST(Gather, GoalTakesTheFirstAndDropsTheRest) {
  HandWorld world;
  Node node(0, world);
  Gathered out;
  Until until(10.0);
  until.goal = 2;
  Task<> program = gather_rounds(node, {1, 2, 3}, until, 2, out);
  program.start(world.queue);
  world.deliver(node, 3, kT, 0);
  world.deliver(node, 1, kT, 0);
  ASSERT_EQ(out.rounds.size(), 1u);
  EXPECT_EQ(senders(out.rounds[0]), (Ids{1, 3}));
  EXPECT_EQ(out.rounds[0].missing, (Ids{2}));
  world.deliver(node, 2, kT, 0);  // too late for round 0
  EXPECT_EQ(world.fates[Fate::kLate], 1);
  world.deliver(node, 2, kT, 1);
  world.deliver(node, 1, kT, 1);
  EXPECT_EQ(senders(out.rounds[1]), (Ids{1, 2}));
}

// Early frames beyond the goal count as late, the first `goal` of them to have come are used.
TEST(Gather, EarlyFramesWait) {
  HandWorld world;
  Node node(0, world);
  Gathered out;
  Until until(10.0);
  until.goal = 2;
  Task<> program = gather_rounds(node, {1, 2, 3}, until, 2, out);
  program.start(world.queue);
  for (const NodeId sender : {3u, 2u, 1u}) world.deliver(node, sender, kT, 1);
  EXPECT_TRUE(out.rounds.empty());
  world.deliver(node, 1, kT, 0);
  world.deliver(node, 2, kT, 0);
  ASSERT_EQ(out.rounds.size(), 2u);
  EXPECT_EQ(senders(out.rounds[1]), (Ids{2, 3}));
  EXPECT_EQ(out.times_s[1], 0.0);
  EXPECT_EQ(world.fates[Fate::kLate], 1);
  EXPECT_EQ(world.fates[Fate::kUsed], 4);
}

// Where the world hands over early, messages are taken as they come, those that waited first.
TEST(Gather, TakenAsTheyCome) {
  HandWorld world;
  world.early = true;
  Node node(0, world);
  Gathered out;
  Ids taken;
  Until until(10.0);
  until.goal = 2;
  until.take = [&taken](const Message& message) { taken.push_back(message.sender()); };
  Task<> program = gather_rounds(node, {1, 2, 3}, until, 2, out);
  program.start(world.queue);
  world.deliver(node, 2, kT, 1);  // early for the next round
  world.deliver(node, 1, kT, 1);
  world.deliver(node, 3, kT, 1);
  EXPECT_TRUE(taken.empty());
  world.deliver(node, 3, kT, 0);
  EXPECT_EQ(taken, (Ids{3}));
  world.deliver(node, 3, kT, 0);
  EXPECT_EQ(world.fates[Fate::kDuplicate], 1);
  world.deliver(node, 2, kT, 0);
  EXPECT_EQ(taken, (Ids{3, 2, 2, 1}));  // round 1 is full at once, with the first two to have come
  ASSERT_EQ(out.rounds.size(), 2u);
  EXPECT_TRUE(out.rounds[0].messages.empty());
  EXPECT_EQ(out.rounds[0].senders, (Ids{2, 3}));
  EXPECT_EQ(out.rounds[0].missing, (Ids{1}));
  EXPECT_EQ(out.rounds[1].senders, (Ids{1, 2}));
  EXPECT_EQ(world.fates[Fate::kUsed], 4);
  EXPECT_EQ(world.fates[Fate::kLate], 1);
}

// A world that keeps a round's messages leaves them in place.
TEST(Gather, NotTakenWhereTheWorldKeepsThem) {
  HandWorld world;
  Node node(0, world);
  Gathered out;
  Until until(10.0);
  until.take = [](const Message&) { FAIL(); };
  Task<> program = gather_rounds(node, {1, 2}, until, 1, out);
  program.start(world.queue);
  world.deliver(node, 2, kT, 0);
  world.deliver(node, 1, kT, 0);
  ASSERT_EQ(out.rounds.size(), 1u);
  EXPECT_EQ(senders(out.rounds[0]), (Ids{1, 2}));
  EXPECT_EQ(out.rounds[0].senders, (Ids{1, 2}));
}

TEST(Gather, DeadlineNamesTheMissing) {
  HandWorld world;
  Node node(0, world);
  Gathered out;
  Task<> program = gather_rounds(node, {1, 2, 3}, Until(4.0), 2, out);
  program.start(world.queue);
  world.deliver(node, 2, kT, 0);
  world.run_to(node, 3.999);
  EXPECT_TRUE(out.rounds.empty());
  world.run_to(node, 5.0);
  ASSERT_EQ(out.rounds.size(), 1u);
  EXPECT_EQ(out.times_s[0], 4.0);
  EXPECT_TRUE(out.rounds[0].timed_out);
  EXPECT_EQ(out.rounds[0].missing, (Ids{1, 3}));
  world.run_to(node, 20.0);  // nobody comes to round 1
  ASSERT_EQ(out.rounds.size(), 2u);
  EXPECT_EQ(out.times_s[1], 8.0);
  EXPECT_TRUE(out.rounds[1].messages.empty());
}

TEST(Gather, PredicateEndsIt) {
  HandWorld world;
  Node node(0, world);
  Gathered out;
  Until until(10.0);
  until.enough = [&world](std::size_t arrived) { return arrived >= 1 && world.time_s >= 2.0; };
  Task<> program = gather_rounds(node, {1, 2, 3}, until, 1, out);
  program.start(world.queue);
  world.deliver(node, 1, kT, 0);
  EXPECT_TRUE(out.rounds.empty());
  world.run_to(node, 2.5);
  world.deliver(node, 3, kT, 0);
  ASSERT_EQ(out.rounds.size(), 1u);
  EXPECT_EQ(senders(out.rounds[0]), (Ids{1, 3}));
  EXPECT_FALSE(out.rounds[0].timed_out);
}

TEST(Gather, DuplicatesAndStrangersDoNotCount) {
  HandWorld world;
  Node node(0, world);
  Gathered out;
  Task<> program = gather_rounds(node, {1, 2}, Until(10.0), 1, out);
  program.start(world.queue);
  world.deliver(node, 1, kT, 0);
  world.deliver(node, 1, kT, 0);      // twice
  world.deliver(node, 7, kT, 0);      // not expected
  world.deliver(node, 2, kOther, 0);  // another tag
  world.deliver(node, 2, kT, 5);      // another round
  world.deliver(node, 2, kT, 5);      // twice, while it is still early
  EXPECT_TRUE(out.rounds.empty());
  EXPECT_EQ(world.fates[Fate::kDuplicate], 2);
  world.deliver(node, 2, kT, 0);
  ASSERT_EQ(out.rounds.size(), 1u);
  world.deliver(node, 2, kT, 0);  // twice, after its round
  EXPECT_EQ(world.fates[Fate::kLate], 1);
  node.close();
  EXPECT_EQ(world.fates[Fate::kUnread], 3);
}

TEST(Gather, MalformedFramesAreCounted) {
  HandWorld world;
  Node node(0, world);
  node.on_frame(1, std::make_shared<const Bytes>());
  node.on_frame(1, std::make_shared<const Bytes>(15));
  node.on_frame(1, std::make_shared<const Bytes>(64, std::byte{0xff}));
  EXPECT_EQ(world.fates[Fate::kMalformed], 3);
}

TEST(Inbox, OverflowsAtItsLimit) {
  HandWorld world;
  Node node(0, world);
  Gathered out;
  std::vector<NodeId> everybody(kInboxFramesMax + 5);
  for (NodeId id = 0; id < everybody.size(); ++id) everybody[id] = id;
  Task<> program = gather_rounds(node, everybody, Until(10.0), 1, out);
  program.start(world.queue);
  MessageBuilder builder(kT, 0);
  const Frame frame = builder.finish();
  for (const NodeId sender : everybody) node.on_frame(sender, frame);
  EXPECT_EQ(world.fates[Fate::kOverflow], 5);
  world.run_to(node, 10.0);
  ASSERT_EQ(out.rounds.size(), 1u);
  EXPECT_EQ(out.rounds[0].messages.size(), kInboxFramesMax);
  EXPECT_EQ(out.rounds[0].missing.size(), 5u);
}

Task<> receive_one(Node& node, std::optional<Message>& found, double& at_s) {
  found = co_await node.receive(4, kT, 2, 3.0);
  at_s = node.now_s();
}

TEST(Receive, OneSenderOneRound) {
  HandWorld world;
  Node node(0, world);
  std::optional<Message> found;
  double at_s = -1.0;
  Task<> program = receive_one(node, found, at_s);
  program.start(world.queue);
  world.deliver(node, 5, kT, 2);
  world.deliver(node, 4, kT, 1);
  EXPECT_EQ(at_s, -1.0);
  world.run_to(node, 1.0);
  world.deliver(node, 4, kT, 2);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(at_s, 1.0);
  EXPECT_EQ(found->count("n").value(), 4u);
  // Round 1 of sender 4 is history now; sender 5's is not.
  world.deliver(node, 4, kT, 1);
  EXPECT_EQ(world.fates[Fate::kLate], 1);
}

TEST(Receive, NothingWithinThePatience) {
  HandWorld world;
  Node node(0, world);
  std::optional<Message> found;
  double at_s = -1.0;
  Task<> program = receive_one(node, found, at_s);
  program.start(world.queue);
  world.run_to(node, 10.0);
  EXPECT_FALSE(found.has_value());
  EXPECT_EQ(at_s, 3.0);
}

Task<> take_all(Node& node, std::vector<NodeId>& order) {
  for (;;) {
    const auto message = co_await node.next(5.0);
    if (!message) co_return;
    order.push_back(message->sender());
  }
}

TEST(Next, TakesWhateverComesInOrderOfArrival) {
  HandWorld world;
  Node node(0, world);
  world.deliver(node, 8, kOther, 3);  // before the program asks
  world.deliver(node, 2, kT, 0);
  std::vector<NodeId> order;
  Task<> program = take_all(node, order);
  program.start(world.queue);
  world.deliver(node, 5, kT, 0);
  world.deliver(node, 5, kT, 0);  // closed for this sender
  world.deliver(node, 5, kT, 4);
  world.deliver(node, 5, kT, 3);  // overtaken
  EXPECT_EQ(order, (std::vector<NodeId>{8, 2, 5, 5}));
  EXPECT_EQ(world.fates[Fate::kLate], 2);
  world.run_to(node, 5.0);
  EXPECT_TRUE(program.done());
}

Task<> work_and_sleep(Node& node, std::vector<double>& times_s) {
  co_await node.sleep(2.0);
  times_s.push_back(node.now_s());
  std::function<void()> job = [] {};
  co_await node.compute(1.0, std::move(job));
  times_s.push_back(node.now_s());
  co_await node.sleep(0.0);
  times_s.push_back(node.now_s());
  co_await node.sleep(1.0);
  times_s.push_back(node.now_s());
}

TEST(Timers, SleepAndWork) {
  HandWorld world;
  Node node(0, world);
  std::vector<double> times_s;
  Task<> program = work_and_sleep(node, times_s);
  program.start(world.queue);
  world.run_to(node, 4.5);
  ASSERT_EQ(times_s, (std::vector<double>{2.0}));
  ASSERT_EQ(world.jobs.size(), 1u);
  world.jobs[0]();
  node.on_computed();
  world.queue.drain();
  world.run_to(node, 20.0);
  EXPECT_EQ(times_s, (std::vector<double>{2.0, 4.5, 4.5, 5.5}));
  EXPECT_TRUE(program.done());
}

// A wait that ends early leaves its timer behind; a later, longer wait is not cut short by it.
TEST(Timers, AStaleTimerDoesNoHarm) {
  HandWorld world;
  Node node(0, world);
  Gathered out;
  Task<> program = gather_rounds(node, {1}, Until(4.0), 3, out);
  program.start(world.queue);
  world.run_to(node, 3.0);
  world.deliver(node, 1, kT, 0);  // the timer of 4 s is still there
  world.run_to(node, 6.5);
  EXPECT_EQ(out.rounds.size(), 1u);
  world.run_to(node, 7.0);
  ASSERT_EQ(out.rounds.size(), 2u);
  EXPECT_EQ(out.times_s[1], 7.0);
  world.run_to(node, 11.0);
  EXPECT_EQ(out.times_s[2], 11.0);
}

TEST(Steps, CountFromZero) {
  HandWorld world;
  Node node(0, world);
  std::vector<Step> seen;
  for (const Step step : node.steps(3)) seen.push_back(step);
  EXPECT_EQ(seen, (std::vector<Step>{0, 1, 2}));
  for ([[maybe_unused]] const Step step : node.steps(0)) FAIL();
}

}  // namespace
}  // namespace shoal
