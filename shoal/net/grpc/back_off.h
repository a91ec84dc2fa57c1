// BackOff: how long to wait before the next try: doubling from the first to the last wait, each
// shortened by up to half at random so that many members do not come back at once.
#pragma once

#include <algorithm>
#include <cstdint>

#include "shoal/base/random.h"

namespace shoal {

class BackOff {
 public:
  BackOff(double first_s, double last_s, std::uint64_t seed, std::uint32_t who)
      : first_s_(first_s),
        last_s_(last_s),
        wait_s_(first_s),
        stream_(seed, purpose("back-off"), who) {}

  double next_s() {
    const double wait_s = wait_s_ * (0.5 + 0.5 * stream_.uniform());
    wait_s_ = std::min(2 * wait_s_, last_s_);
    return wait_s;
  }
  void reset() { wait_s_ = first_s_; }

 private:
  double first_s_;
  double last_s_;
  double wait_s_;
  RandomStream stream_;
};

}  // namespace shoal
