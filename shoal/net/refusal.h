// Refusal: why something from outside was not let in. The codes are gRPC's canonical ones, so they
// cross the wire as they are; `reason` is a fixed word for counters and the audit log.
#pragma once

#include <string>
#include <string_view>

namespace shoal {

enum class RefusalCode : int {
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kUnavailable = 14,
  kUnauthenticated = 16,
};

struct Refusal {
  RefusalCode code = RefusalCode::kInvalidArgument;
  std::string_view reason;  // "stale_round"; always a literal
  std::string sentence;     // what was wrong and what to change
};

}  // namespace shoal
