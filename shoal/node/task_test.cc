#include "shoal/node/task.h"

#include <gtest/gtest.h>

namespace shoal {
namespace {

// Waits until somebody posts it again.
struct Pause {
  std::coroutine_handle<>* at;
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) const noexcept { *at = handle; }
  void await_resume() const noexcept {}
};

// Counts how many of it are alive.
struct Counted {
  static inline int alive = 0;
  int value = 0;
  explicit Counted(int value) : value(value) { ++alive; }
  Counted(const Counted& other) : value(other.value) { ++alive; }
  Counted(Counted&& other) noexcept : value(other.value) { ++alive; }
  Counted& operator=(const Counted&) = default;
  ~Counted() { --alive; }
};

Task<int> one(int value) { co_return value; }

Task<> sum_of_awaits(int count, long long& sum) {
  for (int i = 0; i < count; ++i) {
    const int value = co_await one(i);
    sum += value;
  }
}

// Frames that grew with the awaits would need gigabytes here; 64 KiB of stack would not do either.
TEST(Task, AMillionAwaitsNeedNoStack) {
  RunQueue queue;
  long long sum = 0;
  Task<> task = sum_of_awaits(1'000'000, sum);
  EXPECT_EQ(sum, 0);  // lazy
  task.start(queue);
  queue.drain();
  EXPECT_TRUE(task.done());
  EXPECT_EQ(sum, 499'999'500'000);
}

Task<int> deep(int levels) {
  if (levels == 0) co_return 0;
  const int below = co_await deep(levels - 1);
  co_return below + 1;
}
Task<> run_deep(int levels, int& found) { found = co_await deep(levels); }

TEST(Task, ReturnsThroughTheQueue) {
  RunQueue queue;
  int found = 0;
  Task<> task = run_deep(500, found);
  task.start(queue);
  queue.drain();
  EXPECT_EQ(found, 500);
}

Task<Counted> inner(std::coroutine_handle<>* at) {
  const Counted local(2);
  Pause pause{at};
  co_await pause;
  co_return local;
}
Task<> outer(std::coroutine_handle<>* at, Counted parameter, int& result) {
  const Counted local(1);
  const Counted found = co_await inner(at);
  result = found.value + parameter.value + local.value;
}

TEST(Task, DestroyingASuspendedTaskLeavesNothing) {
  std::coroutine_handle<> at;
  int result = 0;
  {
    RunQueue queue;
    Task<> task = outer(&at, Counted(4), result);
    EXPECT_GT(Counted::alive, 0);
    task.start(queue);
    queue.drain();
    EXPECT_FALSE(task.done());
    EXPECT_EQ(Counted::alive, 3);
  }
  EXPECT_EQ(Counted::alive, 0);
  EXPECT_EQ(result, 0);
}

TEST(Task, ACompletedTaskLeavesNothing) {
  std::coroutine_handle<> at;
  int result = 0;
  {
    RunQueue queue;
    Task<> task = outer(&at, Counted(4), result);
    task.start(queue);
    queue.drain();
    queue.post(at);
    queue.drain();
    EXPECT_TRUE(task.done());
    EXPECT_EQ(result, 7);
  }
  EXPECT_EQ(Counted::alive, 0);
}

TEST(Task, ANeverStartedTaskLeavesNothing) {
  std::coroutine_handle<> at;
  int result = 0;
  { Task<> task = outer(&at, Counted(4), result); }
  EXPECT_EQ(Counted::alive, 0);
}

TEST(Task, MovesAndResets) {
  std::coroutine_handle<> at;
  int result = 0;
  RunQueue queue;
  Task<> task = outer(&at, Counted(4), result);
  task.start(queue);
  Task<> moved = std::move(task);
  EXPECT_FALSE(task.valid());
  EXPECT_TRUE(moved.valid());
  moved = Task<>();
  EXPECT_EQ(Counted::alive, 0);
}

// First in, first out, and what is posted while draining still runs.
TEST(RunQueue, Order) {
  RunQueue queue;
  std::vector<int> order;
  std::vector<std::coroutine_handle<>> at(3);
  const auto program = [&order](int id, std::coroutine_handle<>* place) -> Task<> {
    Pause pause{place};
    co_await pause;
    order.push_back(id);
  };
  std::vector<Task<>> tasks;
  for (int i = 0; i < 3; ++i) {
    tasks.push_back(program(i, &at[static_cast<std::size_t>(i)]));
    tasks.back().start(queue);
  }
  queue.post(at[2]);
  queue.post(at[0]);
  queue.post(at[1]);
  queue.drain();
  EXPECT_EQ(order, (std::vector<int>{2, 0, 1}));
}

}  // namespace
}  // namespace shoal
