#include "shoal/net/grpc/frame_receiver.h"

#include <fmt/format.h>

#include "shoal/net/grpc/translate.h"
#include "shoal/net/limits.h"

namespace shoal {

std::shared_ptr<FrameReceiver> FrameReceiver::start(std::shared_ptr<CallGroup> calls,
                                                    const wire::ReceiveRequest& request,
                                                    std::uint64_t frame_bytes_max,
                                                    ReceiverEvents events) {
  const std::shared_ptr<FrameReceiver> stream(
      new FrameReceiver(std::move(calls), frame_bytes_max, std::move(events)));
  // The server ends connections of this age; the stream ends with them and is opened again.
  const double deadline_s = kConnectionAge_s + kConnectionAgeGrace_s;
  if (!stream->calls_->begin(*stream->calls_->line(), "Receive", stream->context_.get(), deadline_s,
                             stream.get()))
    return nullptr;
  stream->self_ = stream;
  stream->request_ = message_buffer(request);
  grpc::WriteOptions last;
  stream->StartWrite(&stream->request_, last.set_last_message());
  stream->StartRead(&stream->piece_);
  stream->StartCall();
  return stream;
}

void FrameReceiver::OnReadDone(bool ok) {
  if (!ok) return;
  const Status taken = take(piece_);
  if (!taken.ok()) {
    broken_ = taken.error();
    cancel();
    return;
  }
  StartRead(&piece_);
}

void FrameReceiver::OnDone(const grpc::Status& status) {
  const std::shared_ptr<FrameReceiver> self = std::move(self_);
  if (broken_)
    events_.on_end(grpc::Status(grpc::StatusCode::DATA_LOSS, broken_->message));
  else
    events_.on_end(status);
  events_ = {};
  calls_->end(std::move(context_));
}

Status FrameReceiver::take(grpc::ByteBuffer& bytes) {
  SHOAL_TRY(ReceivedPiece piece, read_piece(bytes));
  if (const auto* notice = std::get_if<wire::Notice>(&piece)) {
    events_.on_notice(*notice);
    return ok_status();
  }
  if (auto* head = std::get_if<FrameHead>(&piece)) {
    if (assembly_) return corrupt("a frame begins before the last one has ended");
    if (head->size_bytes > frame_bytes_max_)
      return limit_exceeded(fmt::format("a frame of {} bytes; at most {} are taken",
                                        head->size_bytes, frame_bytes_max_));
    assembly_.emplace(std::move(*head));
  } else {
    if (!assembly_) return corrupt("a body without a head");
    SHOAL_TRY_STATUS(assembly_->append(std::get<BodyPiece>(piece)));
  }
  return assembly_->complete() ? complete() : ok_status();
}

Status FrameReceiver::complete() {
  const FrameHead head = assembly_->head();
  Frame frame = assembly_->take();
  assembly_.reset();
  if (sha256(*frame) != head.sha256) return corrupt("a frame does not have its digest");
  events_.on_frame(head, std::move(frame));
  return ok_status();
}

}  // namespace shoal
