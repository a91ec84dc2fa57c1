#include "shoal/sim/event_queue.h"

#include <algorithm>
#include <gtest/gtest.h>

#include "shoal/base/random.h"

namespace shoal {
namespace {

TEST(EventQueue, EarliestFirstThenOrderOfMaking) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    RandomStream stream(seed, purpose("events"));
    EventQueue queue;
    std::vector<std::pair<double, NodeId>> expected;
    NodeId next = 0;
    std::size_t popped = 0;
    const auto pop_one = [&] {
      const auto first = std::min_element(expected.begin(), expected.end());
      const Event event = queue.pop();
      EXPECT_EQ(event.time_s, first->first);
      EXPECT_EQ(event.node, first->second);
      EXPECT_EQ(event.slot, 2 * event.node);
      EXPECT_EQ(event.kind(), static_cast<EventKind>(event.node % 6));
      expected.erase(first);
      ++popped;
    };
    for (int i = 0; i < 400; ++i) {
      if (!expected.empty() && stream.uniform() < 0.4) {
        pop_one();
        continue;
      }
      // Few different times: most events share theirs with others.
      const double time_s = static_cast<double>(stream.below(12));
      queue.push(time_s, static_cast<EventKind>(next % 6), next, 2 * next);
      expected.emplace_back(time_s, next++);
    }
    EXPECT_EQ(queue.size(), expected.size());
    while (!expected.empty()) pop_one();
    EXPECT_TRUE(queue.empty());
    EXPECT_EQ(popped, next);
  }
}

TEST(EventQueue, RestoredItGoesOnTheSame) {
  RandomStream stream(3, purpose("events"));
  EventQueue queue;
  for (NodeId i = 0; i < 100; ++i)
    queue.push(static_cast<double>(stream.below(10)), EventKind::kTimer, i, 0);
  EventQueue copy;
  copy.restore(queue.events(), queue.sequence());
  queue.push(3.0, EventKind::kTimer, 1000, 0);
  copy.push(3.0, EventKind::kTimer, 1000, 0);
  while (!queue.empty()) {
    const Event a = queue.pop();
    const Event b = copy.pop();
    EXPECT_EQ(a.order, b.order);
    EXPECT_EQ(a.node, b.node);
  }
  EXPECT_TRUE(copy.empty());
}

static_assert(sizeof(Event) == 24);

}  // namespace
}  // namespace shoal
