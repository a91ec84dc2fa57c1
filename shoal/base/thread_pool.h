// A fixed set of worker threads for jobs whose results do not depend on where or when they run.
//
// With `threads` = n the pool starts n-1 workers; the thread that waits for a job is the n-th: it
// runs queued jobs itself until the one it wants is done. With 1 everything runs in wait().
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace shoal {

class ThreadPool {
 public:
  struct Job {
    std::function<void()> work;
    std::atomic<int> state{0};  // 0 queued, 1 running, 2 done
    bool done() const { return state.load() == 2; }
  };
  using Ticket = std::shared_ptr<Job>;

  explicit ThreadPool(std::size_t threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  std::size_t threads() const { return workers_.size() + 1; }
  // 0 in the thread that made the pool, 1..threads-1 in its workers: an index for scratch memory.
  static std::size_t this_thread_index();

  [[nodiscard]] Ticket submit(std::function<void()> work);
  // Returns when the job is done; runs it, or other queued jobs, meanwhile.
  void wait(const Ticket& ticket);
  // Runs body(block) for block in 0..blocks-1 and returns when all are done. May be called from
  // inside a job. The blocks must not depend on one another.
  void parallel_for(std::size_t blocks, const std::function<void(std::size_t)>& body);

 private:
  void worker(std::size_t index);
  bool run_one();
  static void run(Job& job);

  std::mutex mutex_;
  std::condition_variable work_or_done_;
  std::deque<Ticket> queue_;
  bool stopping_ = false;
  std::vector<std::thread> workers_;
};

// pool->parallel_for, or in turn here where there is no pool.
void for_each_block(ThreadPool* pool, std::size_t blocks,
                    const std::function<void(std::size_t)>& body);

}  // namespace shoal
