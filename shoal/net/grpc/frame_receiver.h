// FrameReceiver: one Receive stream of a member. Puts frames together, checks their digest, and
// hands over frames and notices; a frame that does not match its head ends the stream.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "shoal/net/grpc/call_group.h"
#include "shoal/net/grpc/pieces.h"

namespace shoal {

struct ReceiverEvents {
  std::function<void(const FrameHead& head, Frame frame)> on_frame;
  std::function<void(const wire::Notice& notice)> on_notice;
  std::function<void(const grpc::Status& status)> on_end;  // once, last
};

class FrameReceiver final : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  // Returns null when the calls are closed. The stream lives until it ends, whoever holds it.
  static std::shared_ptr<FrameReceiver> start(std::shared_ptr<CallGroup> calls,
                                              const wire::ReceiveRequest& request,
                                              std::uint64_t frame_bytes_max, ReceiverEvents events);
  void cancel() { context_->TryCancel(); }

  void OnReadDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

 private:
  FrameReceiver(std::shared_ptr<CallGroup> calls, std::uint64_t frame_bytes_max,
                ReceiverEvents events)
      : calls_(std::move(calls)), reader_(frame_bytes_max), events_(std::move(events)) {}
  Status take(grpc::ByteBuffer& piece);

  const std::shared_ptr<CallGroup> calls_;
  FrameReader reader_;
  ReceiverEvents events_;
  std::shared_ptr<FrameReceiver> self_;
  std::unique_ptr<grpc::ClientContext> context_ = std::make_unique<grpc::ClientContext>();
  grpc::ByteBuffer request_;
  grpc::ByteBuffer piece_;
  std::optional<Error> broken_;
};

}  // namespace shoal
