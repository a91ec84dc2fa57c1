// Opens the line to one address: credentials, options, channel. Nothing is dialled before the first
// call.
#pragma once

#include <string>

#include "shoal/net/grpc/call_group.h"
#include "shoal/net/grpc/grpc_server.h"

namespace shoal {

struct OpenedLine {
  std::shared_ptr<Line> line;
  Digest files{};  // of the certificates it uses
};

// Whoever answers must have a certificate for `name`, or, when that is empty, for the host that is
// dialled.
Result<OpenedLine> open_line(const TlsFiles& tls, const std::string& address,
                             const std::string& name);

}  // namespace shoal
