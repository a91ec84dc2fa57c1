#include "cli/stop_signal.h"

#include <atomic>
#include <chrono>
#include <csignal>
#include <thread>

namespace shoal {
namespace {

constexpr std::chrono::milliseconds kLookPeriod{50};

std::atomic<bool> signalled{false};

void on_signal(int number) {
  signalled.store(true);
  std::signal(number, SIG_DFL);
}

}  // namespace

struct StopSignal::Watch {
  std::function<void()> stop;
  std::atomic<bool> over{false};
  std::thread thread;
};

StopSignal::StopSignal(std::function<void()> stop) : watch_(new Watch) {
  watch_->stop = std::move(stop);
  std::signal(SIGINT, &on_signal);
  std::signal(SIGTERM, &on_signal);
  watch_->thread = std::thread([watch = watch_] {
    while (!watch->over.load()) {
      if (signalled.load()) return watch->stop();
      std::this_thread::sleep_for(kLookPeriod);
    }
  });
}

StopSignal::~StopSignal() {
  watch_->over.store(true);
  watch_->thread.join();
  delete watch_;
}

bool StopSignal::came() { return signalled.load(); }

}  // namespace shoal
