// MemberLink: a member's tie to the server of its run, kept up by itself once it is there.
//
//   joined -> Receive stream open -> lost -> back-off -> Join -> Receive stream open ...
//
// After every loss it joins anew (the server may be another process by now), and says which frames
// it holds. What it has sent and what it has observed waits for the server meanwhile. It is broken
// for good when the server refuses it a place, or is gone for give_up_s.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "shoal/net/grpc/back_off.h"
#include "shoal/net/grpc/call_group.h"
#include "shoal/net/grpc/frame_receiver.h"
#include "shoal/net/grpc/frame_sender.h"
#include "shoal/net/grpc/grpc_client.h"
#include "shoal/net/grpc/timer.h"

namespace shoal {

class MemberLink : public std::enable_shared_from_this<MemberLink> {
 public:
  struct Events {
    std::function<void(const wire::Notice&)> on_peers;
    std::function<void()> on_new_keys;
  };

  MemberLink(const GrpcClientSettings& settings, Metrics& metrics, std::shared_ptr<CallGroup> calls,
             const Digest& files);

  // Blocks, see GrpcClient::join. `address` is where peers reach us, or empty.
  Status join(const std::string& address);
  const Joined& joined() const { return joined_; }
  void start(FrameSink& sink, Events events);
  Result<Frame> fetch_newcomer(std::uint64_t bytes_max);
  bool wait_started();
  Status broken() const;
  void leave();
  // Ends everything and waits for callbacks under way.
  void close();

  void send(NodeId from, NodeId to, const Frame& frame) { sender_->push(from, to, frame); }
  void observe(Bytes observation);
  bool idle() const;

 private:
  wire::JoinRequest join_request() const;
  Status take_place(grpc::ByteBuffer& reply, bool first);
  void open_stream();
  void lost(const grpc::Status& status);
  void rejoin();
  void rejoined(const grpc::Status& status, grpc::ByteBuffer& reply);
  void stranger();
  void heartbeat();
  // Takes new keys when our files have changed; the stream is opened anew with them.
  void look_at_files();
  void on_frame(const FrameHead& head, Frame frame);
  void on_notice(const wire::Notice& notice, bool from_stream);
  void observe_next();  // under the lock
  void observed(const grpc::Status& status);
  void drop_observation();    // the front; under the lock
  void give_up(Error error);  // under the lock

  const GrpcClientSettings settings_;
  Metrics& metrics_;
  const std::shared_ptr<CallGroup> calls_;
  std::string address_;
  Joined joined_;
  std::shared_ptr<FrameSender> sender_;
  FrameSink* sink_ = nullptr;
  Events events_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool started_ = false;
  bool closing_ = false;
  Status broken_;
  std::uint64_t incarnation_ = 0;
  double last_heard_s_ = 0.0;
  std::shared_ptr<FrameReceiver> stream_;
  BackOff back_off_;
  Timer rejoin_timer_;
  Timer heartbeat_timer_;
  Timer files_timer_;
  Digest files_;  // of the certificates in use
  bool heartbeat_out_ = false;
  // The newest frame of each sender and tag.
  std::map<std::pair<NodeId, Tag>, std::pair<Step, Digest>> held_;

  std::deque<Bytes> observations_;
  std::size_t observations_bytes_ = 0;
  std::uint64_t observation_number_;    // of the front
  std::size_t observation_offset_ = 0;  // what the server has of it
  bool observing_ = false;
  Timer observe_timer_;
};

}  // namespace shoal
