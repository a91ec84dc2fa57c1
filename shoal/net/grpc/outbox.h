// Outbox: what the server has for one member. Frames wait here until the member's Receive stream
// takes them, one piece at a time; the newest frame of each tag stays, and goes again when the
// member opens a new stream and does not hold it. Holds no copies: frames are shared.
#pragma once

#include <deque>
#include <functional>
#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <tuple>
#include <vector>

#include "shoal/net/gate.h"
#include "shoal/net/grpc/pieces.h"
#include "shoal/net/metrics.h"

namespace shoal {

struct OutgoingFrame {
  FrameHead head;
  Frame frame;
};

class Delivery;

class Outbox : public std::enable_shared_from_this<Outbox> {
 public:
  using MakeNotice = std::function<wire::Notice()>;
  using Held = std::set<std::tuple<NodeId, Tag, Step>>;  // from, tag, round

  Outbox(MakeNotice make_notice, Metrics& metrics);

  void push(OutgoingFrame frame);
  // The member is told how things stand, once however often this is called before it is written.
  void notify();
  // Opens the stream of a member that `peer` has proved to be; one that is open is ended.
  grpc::ServerWriteReactor<grpc::ByteBuffer>* open(grpc::CallbackServerContext* context,
                                                   const PeerIdentity& peer, const Held& held);
  // Who holds the stream that is open.
  std::optional<PeerIdentity> holder() const;
  void close(const grpc::Status& status);
  // Nothing waits for this member's open stream.
  bool idle() const;
  bool connected() const;
  std::size_t queued() const;

  // For the stream: the next piece, if there is one.
  std::optional<grpc::ByteBuffer> next_piece(const Delivery* stream);
  void gone(const Delivery* stream);

 private:
  void wake();

  const MakeNotice make_notice_;
  Metrics& metrics_;
  mutable std::mutex mutex_;
  std::deque<OutgoingFrame> queue_;
  std::map<std::pair<NodeId, Tag>, OutgoingFrame> newest_;
  bool notice_due_ = false;
  std::optional<PieceWriter> writing_;  // the front of the queue
  std::shared_ptr<Delivery> stream_;
  PeerIdentity holder_;  // of stream_
};

// One Receive stream: at most one write at a time.
class Delivery final : public grpc::ServerWriteReactor<grpc::ByteBuffer> {
 public:
  Delivery(std::shared_ptr<Outbox> outbox, grpc::CallbackServerContext* context)
      : outbox_(std::move(outbox)), context_(context) {}
  void begin(std::shared_ptr<Delivery> self);
  // Writes what there is.
  void wake();
  void end(const grpc::Status& status);

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  const std::shared_ptr<Outbox> outbox_;
  grpc::CallbackServerContext* const context_;
  std::shared_ptr<Delivery> self_;
  std::mutex mutex_;
  bool writing_ = false;
  bool finished_ = false;
  std::optional<grpc::Status> ending_;
  grpc::ByteBuffer piece_;
};

}  // namespace shoal
