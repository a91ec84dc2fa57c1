#include "shoal/net/grpc/timer.h"

#include <chrono>

namespace shoal {

double steady_now_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace shoal
