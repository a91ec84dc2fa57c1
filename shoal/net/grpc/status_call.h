// Asks the server of a run how it is doing.
#pragma once

#include <string>

#include "shoal/base/result.h"
#include "shoal/net/grpc/grpc_server.h"

namespace shoal {

// The JSON of ServerRun::status_json. Blocks for at most kControlDeadline_s.
Result<std::string> fetch_status(const std::string& server, const TlsFiles& tls);

}  // namespace shoal
