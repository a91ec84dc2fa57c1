// The two clocks of real runs. Simulations know neither.
#pragma once

#include <chrono>
#include <cstdint>

namespace shoal {

// Only differences mean anything; for deadlines and durations.
inline double steady_now_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// May jump; only for what other machines have to agree on: expiry, certificates.
inline std::int64_t unix_now_s() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace shoal
