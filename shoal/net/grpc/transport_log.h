// What gRPC has to say about connections. Every stranger whose handshake fails would write a line
// to the error stream, without bound; they are counted instead.
#pragma once

#include <cstdint>

namespace shoal {

// From now on, for the whole process: errors of gRPC are counted, and the first few that are not
// about a handshake are printed.
void quiet_transport_log();
std::uint64_t transport_errors();

}  // namespace shoal
