#include "shoal/net/grpc/frame_receiver.h"

#include <new>

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
  // gRPC would swallow what is thrown here, and the stream would hang.
  try {
    SHOAL_TRY(FrameReader::Taken taken, reader_.take(bytes));
    if (auto* whole = std::get_if<FrameReader::Whole>(&taken))
      events_.on_frame(whole->head, std::move(whole->frame));
    if (const auto* notice = std::get_if<wire::Notice>(&taken)) events_.on_notice(*notice);
    return ok_status();
  } catch (const std::bad_alloc&) {
    return limit_exceeded("there is no memory for a frame; free some, or train a smaller model");
  }
}

}  // namespace shoal
