#include "shoal/base/thread_pool.h"

#include "shoal/base/check.h"

namespace shoal {
namespace {

thread_local std::size_t thread_index = 0;

constexpr int kQueued = 0;
constexpr int kRunning = 1;
constexpr int kDone = 2;

}  // namespace

ThreadPool::ThreadPool(std::size_t threads) {
  SHOAL_CHECK(threads >= 1, "a pool needs at least one thread");
  for (std::size_t i = 1; i < threads; ++i) workers_.emplace_back([this, i] { worker(i); });
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_or_done_.notify_all();
  for (auto& worker : workers_) worker.join();
}

std::size_t ThreadPool::this_thread_index() { return thread_index; }

void ThreadPool::run(Job& job) {
  job.work();
  job.work = nullptr;
}

ThreadPool::Ticket ThreadPool::submit(std::function<void()> work) {
  auto job = std::make_shared<Job>();
  job->work = std::move(work);
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(job);
  }
  work_or_done_.notify_one();
  return job;
}

bool ThreadPool::run_one() {
  Ticket job;
  {
    const std::lock_guard lock(mutex_);
    while (!queue_.empty() && queue_.front()->state.load() != kQueued) queue_.pop_front();
    if (queue_.empty()) return false;
    job = std::move(queue_.front());
    queue_.pop_front();
    job->state.store(kRunning);
  }
  run(*job);
  {
    const std::lock_guard lock(mutex_);
    job->state.store(kDone);
  }
  work_or_done_.notify_all();
  return true;
}

void ThreadPool::wait(const Ticket& ticket) {
  bool mine = false;
  {
    const std::lock_guard lock(mutex_);
    if (ticket->state.load() == kQueued) {
      ticket->state.store(kRunning);
      mine = true;
    }
  }
  if (mine) {
    run(*ticket);
    const std::lock_guard lock(mutex_);
    ticket->state.store(kDone);
    return;
  }
  while (ticket->state.load() != kDone) {
    if (run_one()) continue;
    std::unique_lock lock(mutex_);
    work_or_done_.wait(lock, [&] { return ticket->state.load() == kDone || !queue_.empty(); });
  }
}

void ThreadPool::worker(std::size_t index) {
  thread_index = index;
  for (;;) {
    if (run_one()) continue;
    std::unique_lock lock(mutex_);
    work_or_done_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
    if (stopping_ && queue_.empty()) return;
  }
}

void ThreadPool::parallel_for(std::size_t blocks, const std::function<void(std::size_t)>& body) {
  if (blocks == 0) return;
  std::atomic<std::size_t> next{0};
  const auto drain = [&] {
    for (std::size_t block = next++; block < blocks; block = next++) body(block);
  };
  std::vector<Ticket> shared;
  const std::size_t wanted = blocks < threads() ? blocks : threads();
  for (std::size_t i = 1; i < wanted; ++i) shared.push_back(submit(drain));
  drain();
  for (const auto& ticket : shared) wait(ticket);
}

void for_each_block(ThreadPool* pool, std::size_t blocks,
                    const std::function<void(std::size_t)>& body) {
  if (pool) return pool->parallel_for(blocks, body);
  for (std::size_t block = 0; block < blocks; ++block) body(block);
}

}  // namespace shoal
