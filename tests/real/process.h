// Process: a program that a test starts, stops, continues and kills. Nothing outlives the test: a
// process has a group of its own, which is killed with it, and dies with the thread that started
// it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fmt/format.h>
#include <optional>
#include <string>
#include <sys/types.h>
#include <utility>
#include <vector>

#include "shoal/base/clock.h"
#include "shoal/base/soak_test.h"

namespace shoal::real {

class Process {
 public:
  // Both output streams are appended to the file `log`. Call it from the test's own thread.
  Process(const std::vector<std::string>& command, const std::string& log);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  bool running();
  // The exit code, 128 + N after signal N; none when it still runs after patience_s.
  std::optional<int> wait(double patience_s);
  // As `kill -9`; returns when it is gone.
  void kill();
  void send_signal(int number);
  void pause();                        // SIGSTOP
  void resume();                       // SIGCONT
  std::uint64_t memory_bytes() const;  // resident
  std::size_t descriptors() const;

 private:
  pid_t id_ = -1;
  std::optional<int> code_;
};

// The time of the steady clock.
void sleep_s(double duration_s);

// Asks until it says yes; false when that took longer than patience_s.
template <class Question>
bool becomes_true(double patience_s, Question question) {
  const double until_s = steady_now_s() + patience_s;
  while (!question()) {
    if (steady_now_s() > until_s) return false;
    sleep_s(0.01);
  }
  return true;
}

// A figure or a sign of progress, seen at once.
template <class... Arguments>
void say(fmt::format_string<Arguments...> text, Arguments&&... arguments) {
  fmt::print(text, std::forward<Arguments>(arguments)...);
  std::fflush(stdout);
}

}  // namespace shoal::real
