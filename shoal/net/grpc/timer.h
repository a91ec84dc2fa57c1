// Timer: calls back once after a time, on one of gRPC's threads. Setting it anew, cancelling or
// destroying it takes the earlier call back if it has not begun.
//
// The callback may outlive the timer by the moment it runs in: it should hold its owner weakly.
#pragma once

#include <functional>
#include <grpc/support/time.h>
#include <grpcpp/alarm.h>
#include <memory>

#include "shoal/base/clock.h"

namespace shoal {

// By the steady clock: a wall clock that is set does not move it.
inline gpr_timespec after_s(double time_s) {
  return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                      gpr_time_from_micros(static_cast<std::int64_t>(time_s * 1e6), GPR_TIMESPAN));
}

// Not thread-safe; its owner's lock guards it. May be set from its own callback.
class Timer {
 public:
  void set(double time_s, std::function<void()> callback) {
    alarm_ = std::make_unique<grpc::Alarm>();
    alarm_->Set(after_s(time_s), [callback = std::move(callback)](bool expired) {
      if (expired) callback();
    });
  }
  void cancel() { alarm_.reset(); }

 private:
  std::unique_ptr<grpc::Alarm> alarm_;
};

}  // namespace shoal
