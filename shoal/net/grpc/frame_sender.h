// FrameSender: what one member has for one receiver, in order: each frame on a Send call of its
// own, the next when the receipt of the last has come. A call that fails is repeated after a
// back-off.
//
// For the server, frames whose round is not yet committed there are kept after their receipt and
// sent again when the server has been restarted; the gate takes none of them twice.
//
// A frame that the receiver refuses for good is dropped and counted: its round is over
// (FAILED_PRECONDITION), or it is not what the receiver takes. INVALID_ARGUMENT is believed after
// kRetriesMax more tries: without TLS, what came may not be what was sent.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "shoal/net/grpc/back_off.h"
#include "shoal/net/grpc/call_group.h"
#include "shoal/net/grpc/grpc_server.h"
#include "shoal/net/grpc/pieces.h"
#include "shoal/net/grpc/timer.h"
#include "shoal/net/metrics.h"

namespace shoal {

class SendCall;

struct SenderSettings {
  std::string run;
  std::string receiver;  // its name, which proofs are addressed to
  bool keep_until_committed = false;
  GrpcTimes times;
  std::uint64_t jitter_seed = 0;
};

class FrameSender : public std::enable_shared_from_this<FrameSender> {
 public:
  // `on_stranger` is told that the receiver does not know us, and calls resume() when it does;
  // without it the frame is sent again after a while.
  FrameSender(SenderSettings settings, std::shared_ptr<CallGroup> calls, Metrics& metrics,
              std::function<void()> on_stranger);

  void push(NodeId from, NodeId to, const Frame& frame);
  // Rounds before this one are durable at the receiver.
  void committed(Step rounds);
  // The receiver knows us (again); `anew` when it has been restarted since.
  void resume(bool anew);
  // Everything has been received or dropped.
  bool idle() const;
  void stop();

  void sent(const grpc::Status& status, grpc::ByteBuffer& reply);  // by the call

 private:
  struct Entry {
    FrameHead head;
    Frame frame;
    int refused = 0;  // how often as a stranger's, as invalid, or for want of room
  };
  void send_next();  // under the lock
  void retry_later();
  void drop(std::deque<Entry>& from, const char* reason);

  const SenderSettings settings_;
  const std::shared_ptr<CallGroup> calls_;
  Metrics& metrics_;
  const std::function<void()> on_stranger_;
  mutable std::mutex mutex_;
  std::deque<Entry> waiting_;  // the front is under way while busy_
  std::deque<Entry> kept_;     // received, not committed
  bool busy_ = false;
  bool unknown_ = false;  // the receiver does not know us; resume() ends that
  bool stopped_ = false;
  Step committed_ = 0;
  BackOff back_off_;
  Timer retry_;
  bool retry_due_ = false;
};

}  // namespace shoal
