#include "shoal/net/grpc/transport_log.h"

#include <atomic>
#include <fmt/format.h>
#include <grpc/support/log.h>
#include <string_view>

#include "shoal/net/limits.h"
#include "shoal/net/printable.h"

namespace shoal {
namespace {

std::atomic<std::uint64_t> errors{0};
std::atomic<std::uint64_t> printed{0};

void take_line(gpr_log_func_args* line) {
  if (line->severity != GPR_LOG_SEVERITY_ERROR) return;
  ++errors;
  const std::string_view file(line->file);
  const bool handshake = file.find("ssl_transport_security") != std::string_view::npos ||
                         file.find("handshake") != std::string_view::npos;
  if (handshake || printed.fetch_add(1) >= kTransportLinesMax) return;
  fmt::print(stderr, "shoal: gRPC: {}\n", printable(line->message, kSentenceLengthMax));
}

}  // namespace

void quiet_transport_log() { gpr_set_log_function(&take_line); }

std::uint64_t transport_errors() { return errors; }

}  // namespace shoal
