#include "shoal/net/grpc/observation_parts.h"

#include <algorithm>
#include <fmt/format.h>
#include <optional>

#include "shoal/net/limits.h"

namespace shoal {
namespace {

std::optional<Refusal> check_part(const wire::ObserveRequest& part, std::uint64_t bytes_max) {
  const auto malformed = [](std::string sentence) {
    return Refusal{RefusalCode::kInvalidArgument, "malformed", std::move(sentence)};
  };
  if (part.size_bytes() > bytes_max)
    return Refusal{RefusalCode::kResourceExhausted, "observation_too_large",
                   fmt::format("an observation of {} bytes; at most {} are taken",
                               part.size_bytes(), bytes_max)};
  if (part.part().size() > kChunkBytesMax)
    return malformed(fmt::format("a part of an observation has at most {} bytes, not {}",
                                 kChunkBytesMax, part.part().size()));
  if (part.part().empty()) return malformed("a part of an observation is empty");
  if (part.offset() > part.size_bytes() || part.part().size() > part.size_bytes() - part.offset())
    return malformed(fmt::format("a part of {} bytes at {} of an observation of {}",
                                 part.part().size(), part.offset(), part.size_bytes()));
  return std::nullopt;
}

}  // namespace

std::variant<ObservationParts::More, Bytes, Refusal> ObservationParts::take(
    const wire::ObserveRequest& part) {
  if (auto refusal = check_part(part, bytes_max_)) return *std::move(refusal);
  const std::lock_guard lock(mutex_);
  Member& member = members_[part.node()];
  const bool same_process = part.number() >> 32 == member.taken >> 32;
  if (same_process && part.number() <= member.taken) return More{};
  if (part.offset() == 0) {
    member.number = part.number();
    member.size_bytes = part.size_bytes();
    member.bytes = {};
  }
  if (part.number() != member.number || part.size_bytes() != member.size_bytes ||
      part.offset() != member.bytes.size())
    return Refusal{RefusalCode::kFailedPrecondition, "observation_out_of_order",
                   fmt::format("the part at {} of observation {} does not follow; begin it anew",
                               part.offset(), part.number())};
  const ByteView bytes = as_bytes(part.part());
  member.bytes.insert(member.bytes.end(), bytes.begin(), bytes.end());
  if (member.bytes.size() < member.size_bytes) return More{};
  member.taken = std::exchange(member.number, 0);
  return std::exchange(member.bytes, {});
}

}  // namespace shoal
