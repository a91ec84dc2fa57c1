// CallGroup: the calls of one client to one address. Each has a deadline; closing the group cancels
// them all and waits until the last callback is over, so that what they refer to may go.
//
// A channel must not go on one of gRPC's own threads: the last one of a process takes those threads
// with it, and a thread that waits for itself leaves a destroyed queue behind. Contexts hold their
// channel, so they are given back before a call counts as over, and the group lets go of its line
// on the thread that closes it.
//
// The line they go over can be replaced when keys rotate: calls under way end on the old one.
#pragma once

#include <condition_variable>
#include <functional>
#include <grpcpp/channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "shoal/net/grpc/shoal.pb.h"
#include "shoal/net/identity/signature.h"

namespace shoal {

// A channel, and the key of the certificate that it shows (null without certificates).
struct Line {
  Line(const std::shared_ptr<grpc::Channel>& channel, std::shared_ptr<const SigningKey> key)
      : stub(channel), key(std::move(key)) {}
  grpc::GenericStub stub;
  const std::shared_ptr<const SigningKey> key;
};

class CallGroup : public std::enable_shared_from_this<CallGroup> {
 public:
  explicit CallGroup(std::shared_ptr<Line> line) : line_(std::move(line)) {}

  std::shared_ptr<Line> line() const;  // null once the group is closed
  void replace_line(std::shared_ptr<Line> line);

  using Answer = std::function<void(const grpc::Status&, grpc::ByteBuffer& reply)>;
  // The answer comes on one of gRPC's threads; not at all once the group is closed.
  void call(const char* method, const google::protobuf::MessageLite& request, double deadline_s,
            Answer answer);

  // For streams: the reactor is started by the caller, and leaves when it is done. False when the
  // group is closed.
  bool begin(Line& line, const char* method, grpc::ClientContext* context, double deadline_s,
             grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* reactor);
  void end(std::unique_ptr<grpc::ClientContext> context);

  void close_and_wait();

 private:
  // The line that the call goes over; null when the group is closed.
  std::shared_ptr<Line> enter(grpc::ClientContext* context);

  std::shared_ptr<Line> line_;
  mutable std::mutex mutex_;
  std::condition_variable ended_;
  std::set<grpc::ClientContext*> running_;
  std::size_t ending_ = 0;  // calls whose contexts are being destroyed
  bool closed_ = false;
};

}  // namespace shoal
