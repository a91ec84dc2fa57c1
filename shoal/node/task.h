// Task<T>: the coroutine a node program is written as.
//
// Lazy: nothing runs before it is awaited or started. One awaiter. When a task completes, its
// awaiter goes to the run queue instead of being entered directly, so a loop of a million awaits
// needs no stack. Destroying a task destroys its frame and everything in it: that is cancellation.
//
// GCC 12.2 miscompiles some forms: beside co_await pass named arguments only; no braces, no lambda
// with captures, no ?: in that statement; parameters of coroutines are values or plain references
// to things that outlive them (docs/architecture.md has the table).
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>
#include <vector>

#include "shoal/base/check.h"

namespace shoal {

// Coroutines that are ready to go on, first in first out.
class RunQueue {
 public:
  void post(std::coroutine_handle<> handle) { waiting_.push_back(handle); }
  // Resumes until nothing is ready.
  void drain() {
    while (next_ < waiting_.size()) {
      const std::coroutine_handle<> handle = waiting_[next_++];
      handle.resume();
    }
    waiting_.clear();
    next_ = 0;
  }

 private:
  std::vector<std::coroutine_handle<>> waiting_;
  std::size_t next_ = 0;
};

namespace task_detail {

struct PromiseBase {
  RunQueue* queue = nullptr;
  std::coroutine_handle<> awaiter;

  std::suspend_always initial_suspend() noexcept { return {}; }
  struct Final {
    bool await_ready() noexcept { return false; }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> done) noexcept {
      PromiseBase& promise = done.promise();
      if (promise.awaiter) promise.queue->post(promise.awaiter);
    }
    void await_resume() noexcept {}
  };
  Final final_suspend() noexcept { return {}; }
  // shoal reports errors as values; an exception that reaches here is a bug.
  void unhandled_exception() noexcept { std::terminate(); }
};

}  // namespace task_detail

template <class T = void>
class [[nodiscard]] Task;

template <>
class [[nodiscard]] Task<void> {
 public:
  struct promise_type : task_detail::PromiseBase {
    Task get_return_object() { return Task(Handle::from_promise(*this)); }
    void return_void() noexcept {}
  };
  using Handle = std::coroutine_handle<promise_type>;

  Task() = default;
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      reset();
      handle_ = std::exchange(other.handle_, {});
    }
    return *this;
  }
  ~Task() { reset(); }

  // Runs a root task until its first suspension; its continuations go to `queue`.
  void start(RunQueue& queue) {
    SHOAL_CHECK(handle_ && !handle_.done(), "a task is started once");
    handle_.promise().queue = &queue;
    handle_.resume();
  }
  bool valid() const { return static_cast<bool>(handle_); }
  bool done() const { return handle_ && handle_.done(); }
  void reset() {
    if (handle_) std::exchange(handle_, {}).destroy();
  }

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> awaiter) noexcept {
    handle_.promise().queue = awaiter.promise().queue;
    handle_.promise().awaiter = awaiter;
    return handle_;
  }
  void await_resume() const noexcept {}

 private:
  explicit Task(Handle handle) : handle_(handle) {}
  Handle handle_;
};

template <class T>
class [[nodiscard]] Task {
 public:
  struct promise_type : task_detail::PromiseBase {
    std::optional<T> value;
    Task get_return_object() { return Task(Handle::from_promise(*this)); }
    void return_value(T result) { value.emplace(std::move(result)); }
  };
  using Handle = std::coroutine_handle<promise_type>;

  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  Task& operator=(Task&&) = delete;
  ~Task() {
    if (handle_) handle_.destroy();
  }

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> awaiter) noexcept {
    handle_.promise().queue = awaiter.promise().queue;
    handle_.promise().awaiter = awaiter;
    return handle_;
  }
  T await_resume() {
    SHOAL_CHECK(handle_.promise().value.has_value(), "a task ended without its value");
    return std::move(*handle_.promise().value);
  }

 private:
  explicit Task(Handle handle) : handle_(handle) {}
  Handle handle_;
};

}  // namespace shoal
