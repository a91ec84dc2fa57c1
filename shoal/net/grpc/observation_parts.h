// ObservationParts: puts together what members have observed, part by part. Holds one unfinished
// observation a member, never more of it than has come, and none larger than `bytes_max`.
//
// Observations are numbered: the upper half of a number names the member's process, the lower
// counts. One that was taken before is answered as taken and not handed out again, so a part whose
// answer was lost, and a server that was restarted, cost a repetition and nothing else.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <variant>

#include "shoal/base/bytes.h"
#include "shoal/base/ids.h"
#include "shoal/net/grpc/shoal.pb.h"
#include "shoal/net/refusal.h"

namespace shoal {

class ObservationParts {
 public:
  explicit ObservationParts(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}

  struct More {};  // taken; the observation is not complete, or was complete before
  // The whole observation with its last part. A part that does not follow the ones before it is
  // refused with FAILED_PRECONDITION: the member begins that observation anew.
  std::variant<More, Bytes, Refusal> take(const wire::ObserveRequest& part);

 private:
  struct Member {
    std::uint64_t taken = 0;   // the number of the last whole observation
    std::uint64_t number = 0;  // of the one that is coming in
    std::uint64_t size_bytes = 0;
    Bytes bytes;
  };

  const std::uint64_t bytes_max_;
  std::mutex mutex_;
  std::map<NodeId, Member> members_;
};

}  // namespace shoal
