// What grpc_load_bench measures against: gRPC's client-streaming calls with the pieces, channel
// options and certificates of a run, and none of its code: no gate, no digest, no frame put
// together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "shoal/net/grpc/grpc_server.h"

namespace shoal {

// Reads whatever comes and throws it away.
class RawServer {
 public:
  static Result<std::unique_ptr<RawServer>> start(const std::string& listen, const TlsFiles& tls);
  virtual ~RawServer() = default;
  virtual std::string address() const = 0;
  virtual std::uint64_t received_bytes() const = 0;
};

// One connection for each of `members`, which sends `frames` frames, one after the other.
Status raw_members(const std::string& address, const std::vector<TlsFiles>& members,
                   std::size_t frames, std::size_t frame_bytes);

}  // namespace shoal
