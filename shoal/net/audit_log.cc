#include "shoal/net/audit_log.h"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <utility>

#include "shoal/base/log.h"

namespace shoal {
namespace {

const char* word(GateEvent::Kind kind) {
  switch (kind) {
    case GateEvent::Kind::kJoined:
      return "joined";
    case GateEvent::Kind::kReturned:
      return "returned";
    case GateEvent::Kind::kLeft:
      return "left";
    case GateEvent::Kind::kAbsent:
      return "absent";
    case GateEvent::Kind::kReceived:
      return "received";
    case GateEvent::Kind::kRefused:
      break;
  }
  return "refused";
}

}  // namespace

Result<std::unique_ptr<AuditLog>> AuditLog::open(const std::string& path) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (file < 0) return io_error(fmt::format("cannot open {}: {}", path, std::strerror(errno)));
  return std::unique_ptr<AuditLog>(new AuditLog(file));
}

AuditLog::~AuditLog() { ::close(file_); }

void AuditLog::write(const GateEvent& event) {
  if (event.kind == GateEvent::Kind::kReceived) return;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const long long time_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  const std::lock_guard<std::mutex> lock(mutex_);
  if (time_ms / 1000 != second_) {
    second_ = time_ms / 1000;
    in_second_ = 0;
  }
  if (++in_second_ > kAuditLinesPerSecondMax) {
    ++left_out_;
    return;
  }
  const bool refused = event.refusal.has_value();
  std::string line =
      log_line(refused ? LogLevel::kWarning : LogLevel::kInfo, word(event.kind),
               {{"name", event.name},
                {"node", fmt::to_string(event.node)},
                {"address", event.address},
                {"code", refused ? fmt::to_string(static_cast<int>(event.refusal->code)) : ""},
                {"reason", refused ? std::string(event.refusal->reason) : ""},
                {"sentence", refused ? event.refusal->sentence : ""},
                {"detail", event.detail},
                {"left_out", fmt::to_string(std::exchange(left_out_, 0))}},
               time_ms);
  line += '\n';
  // A full disk costs audit lines, never the run.
  if (::write(file_, line.data(), line.size()) < 0) ++left_out_;
}

}  // namespace shoal
