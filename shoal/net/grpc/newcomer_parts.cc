#include "shoal/net/grpc/newcomer_parts.h"

#include <algorithm>
#include <fmt/format.h>
#include <future>

#include "shoal/net/grpc/translate.h"
#include "shoal/net/limits.h"
#include "shoal/net/printable.h"

namespace shoal {

void NewcomerParts::on_make(std::function<Frame(NodeId)> make) {
  const std::lock_guard lock(mutex_);
  make_ = std::move(make);
}

std::variant<wire::NewcomerPart, Refusal> NewcomerParts::part(
    const wire::NewcomerRequest& request) {
  const auto refuse = [](std::string sentence) {
    return Refusal{RefusalCode::kFailedPrecondition, "no_newcomer", std::move(sentence)};
  };
  const std::lock_guard lock(mutex_);
  if (!make_) return refuse("this method has a server, which sends its model with every round");
  if (request.offset() == 0) {
    Held& made = held_[request.node()];
    made.frame = make_(request.node());
    made.digest = sha256(*made.frame);
  }
  const auto held = held_.find(request.node());
  if (held == held_.end() || request.offset() >= held->second.frame->size())
    return refuse(fmt::format("no part at {} is held; begin at 0", request.offset()));
  const ByteView rest = ByteView(*held->second.frame).subspan(request.offset());
  const ByteView now = rest.first(std::min(kChunkBytesMax, rest.size()));
  wire::NewcomerPart part;
  part.set_size_bytes(held->second.frame->size());
  part.set_sha256(std::string(as_text(held->second.digest)));
  part.set_part(std::string(as_text(now)));
  if (now.size() == rest.size()) held_.erase(held);
  return part;
}

namespace {

Result<wire::NewcomerPart> fetch_part(CallGroup& calls, const Joined& joined,
                                      const GrpcTimes& times, std::uint64_t offset) {
  wire::NewcomerRequest request;
  request.set_run(joined.run);
  request.set_node(joined.node);
  request.set_offset(offset);
  const double deadline_s = times.control_deadline_s +
                            static_cast<double>(kChunkBytesMax) / times.upload_bytes_per_second_min;
  auto answered = std::make_shared<std::promise<Result<wire::NewcomerPart>>>();
  auto answer = answered->get_future();
  calls.call("GetNewcomer", request, deadline_s,
             [answered](const grpc::Status& status, grpc::ByteBuffer& reply) {
               wire::NewcomerPart part;
               if (!status.ok())
                 answered->set_value(io_error("the server does not say where to begin: " +
                                              printable(status_text(status), kSentenceLengthMax)));
               else if (const Status parsed = parse_message(reply, kReceiveBytesMax, part);
                        !parsed.ok())
                 answered->set_value(parsed.error());
               else
                 answered->set_value(std::move(part));
             });
  return answer.get();
}

}  // namespace

Result<Frame> fetch_newcomer(CallGroup& calls, const Joined& joined, const GrpcTimes& times,
                             std::uint64_t bytes_max) {
  Bytes frame;
  SHOAL_TRY(wire::NewcomerPart part, fetch_part(calls, joined, times, 0));
  const std::uint64_t size_bytes = part.size_bytes();
  const std::string digest = part.sha256();
  if (size_bytes > bytes_max)
    return limit_exceeded(
        fmt::format("a newcomer's frame of {} bytes; at most {} are taken", size_bytes, bytes_max));
  for (;;) {
    const ByteView bytes = as_bytes(part.part());
    if (part.size_bytes() != size_bytes || part.sha256() != digest || bytes.empty() ||
        bytes.size() > size_bytes - frame.size())
      return corrupt("the parts of a newcomer's frame do not belong together");
    frame.insert(frame.end(), bytes.begin(), bytes.end());
    if (frame.size() == size_bytes) break;
    SHOAL_TRY(part, fetch_part(calls, joined, times, frame.size()));
  }
  if (std::string(as_text(sha256(frame))) != digest)
    return corrupt("a newcomer's frame does not have its digest");
  return Frame(std::make_shared<const Bytes>(std::move(frame)));
}

}  // namespace shoal
