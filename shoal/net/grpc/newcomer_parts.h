// What a newcomer is told (node/newcomer.h) goes in parts of at most 1 MiB, each on a call of its
// own, so that it passes whatever the model's size. The server makes the frame with the first part
// and holds it for that member until the last one has been asked for.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <variant>

#include "shoal/net/grpc/call_group.h"
#include "shoal/net/grpc/grpc_client.h"

namespace shoal {

class NewcomerParts {
 public:
  void on_make(std::function<Frame(NodeId)> make);
  // FAILED_PRECONDITION when the method has no newcomers, or for a part of a frame that is not
  // held: it begins anew at offset 0.
  std::variant<wire::NewcomerPart, Refusal> part(const wire::NewcomerRequest& request);

 private:
  struct Held {
    Frame frame;
    Digest digest{};
  };
  std::mutex mutex_;
  std::function<Frame(NodeId)> make_;
  std::map<NodeId, Held> held_;
};

// The member's end: asks for all parts; an error when one does not come, or they do not make the
// frame whose digest they name.
Result<Frame> fetch_newcomer(CallGroup& calls, const Joined& joined, const GrpcTimes& times,
                             std::uint64_t bytes_max);

}  // namespace shoal
