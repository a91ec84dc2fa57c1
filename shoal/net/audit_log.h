// AuditLog: who joined, left and was refused, a JSON line each, appended to a file that nobody has
// to read for a run to go on.
//
//   {"time":"...","level":"warning","event":"refused","name":"c3","node":"4","code":"9",
//    "reason":"stale_round","sentence":"...","address":"...","detail":"..."}
//
// At most kAuditLinesPerSecondMax lines a second: a flood of refusals fills no disk; what was left
// out is counted in the next line. Updates that are received are in the journal, not here.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "shoal/base/result.h"
#include "shoal/net/gate.h"

namespace shoal {

inline constexpr std::uint64_t kAuditLinesPerSecondMax = 100;

// Thread-safe.
class AuditLog {
 public:
  // Appends to the file.
  static Result<std::unique_ptr<AuditLog>> open(const std::string& path);
  ~AuditLog();

  void write(const GateEvent& event);

 private:
  explicit AuditLog(int file) : file_(file) {}
  std::mutex mutex_;
  int file_;
  long long second_ = 0;
  std::uint64_t in_second_ = 0;
  std::uint64_t left_out_ = 0;
};

}  // namespace shoal
