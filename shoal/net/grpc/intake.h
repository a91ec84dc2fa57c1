// Intake: takes frames from outside, on a server and on members that have peers.
//
// A Send call: its head is read and shown to the gate, then it waits for room in the budget, then
// its body is read piece by piece, then the gate checks the whole and the frame is delivered. A
// sender who is slow in any of this is cut.
#pragma once

#include <atomic>
#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>
#include <map>
#include <memory>
#include <mutex>
#include <set>

#include "shoal/net/gate.h"
#include "shoal/net/grpc/connection_door.h"
#include "shoal/net/grpc/grpc_server.h"
#include "shoal/net/grpc/timer.h"
#include "shoal/net/grpc/upload_budget.h"
#include "shoal/net/metrics.h"
#include "shoal/net/transport.h"

namespace shoal {

class Upload;

class Intake : public std::enable_shared_from_this<Intake> {
 public:
  // Gate, sink and metrics outlive every call that begin() has answered.
  Intake(Gate& gate, FrameSink& sink, Metrics& metrics, GrpcTimes times,
         std::uint64_t frame_bytes_max, bool count_until_used);

  // Whom to tell of peers that the gate has let in; before start(). It outlives every call.
  void tell(ConnectionDoor* door) { door_ = door; }
  void admitted(const PeerIdentity& peer) {
    if (door_ != nullptr) door_->admitted(peer);
  }

  // Begins to watch for slow senders.
  void start();
  // Ends every call with UNAVAILABLE and takes no more.
  void stop();

  grpc::ServerReadReactor<grpc::ByteBuffer>* begin(grpc::CallbackServerContext* context,
                                                   grpc::ByteBuffer* reply);

  Gate& gate() { return gate_; }
  FrameSink& sink() { return sink_; }
  Metrics& metrics() { return metrics_; }
  const GrpcTimes& times() const { return times_; }
  UploadBudget& budget() { return budget_; }
  bool counts_until_used() const { return count_until_used_; }
  bool stopping() const { return stopping_; }

  // At most kUploadsPerMemberMax of a member at a time.
  bool enter(NodeId member);
  void leave(NodeId member);
  void forget(Upload* upload);

 private:
  void sweep();

  Gate& gate_;
  FrameSink& sink_;
  Metrics& metrics_;
  const GrpcTimes times_;
  const std::uint64_t frame_bytes_max_;
  const bool count_until_used_;
  UploadBudget budget_;
  ConnectionDoor* door_ = nullptr;
  std::atomic<bool> stopping_{false};
  std::mutex sweep_mutex_;  // held while sweeping: stop() waits for it
  std::mutex mutex_;
  std::map<Upload*, std::weak_ptr<Upload>> uploads_;
  std::map<NodeId, std::size_t> of_member_;
  Timer timer_;
};

}  // namespace shoal
