// Ctrl-C and SIGTERM ask a process to stop in an orderly way; a second one ends it at once.
#pragma once

#include <functional>

namespace shoal {

// `stop` is called from a thread of its own, once, while this object lives.
class StopSignal {
 public:
  explicit StopSignal(std::function<void()> stop);
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  static bool came();

 private:
  struct Watch;
  Watch* watch_;
};

}  // namespace shoal
