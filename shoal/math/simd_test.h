// Runs a piece of a test once on every SIMD target that this build has and this processor runs.
#pragma once

#include <cstdint>
#include <functional>
#include <hwy/highway.h>
#include <hwy/targets.h>

namespace shoal {

inline void on_every_simd_target(const std::function<void(const char* target)>& body) {
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::GetChosenTarget().Update(target);
    body(hwy::TargetName(target));
  }
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

}  // namespace shoal
