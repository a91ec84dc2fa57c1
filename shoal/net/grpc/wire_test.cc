// The wire as strangers and liars use it: raw bytes on every call, frames that are not what their
// heads say, senders who are slow or many. Each gets its code and changes nothing.
#include <array>
#include <future>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>

#include "shoal/net/grpc/channel_options.h"
#include "shoal/net/grpc/pieces.h"
#include "shoal/net/grpc/test_world.h"
#include "shoal/net/grpc/timer.h"
#include "shoal/net/grpc/translate.h"
#include "shoal/net/grpc/upload_budget.h"

namespace shoal {
namespace {

using namespace test;
using grpc::StatusCode;

grpc::ByteBuffer buffer_of(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

// Writes the pieces, one every pause_s, and waits for the answer.
class RawCall final : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  RawCall(grpc::GenericStub& stub, const std::string& method, std::vector<grpc::ByteBuffer> pieces,
          bool half_close, double deadline_s)
      : pieces_(std::move(pieces)), half_close_(half_close) {
    context_.set_deadline(after_s(deadline_s));
    stub.PrepareBidiStreamingCall(&context_, "/shoal.wire.Federation/" + method, {}, this);
    StartRead(&reply_);
    next();
    StartCall();
  }
  void OnWriteDone(bool ok) override {
    if (ok) next();
  }
  void OnDone(const grpc::Status& status) override { done_.set_value(status); }
  grpc::Status wait() { return done_.get_future().get(); }
  void cancel() { context_.TryCancel(); }
  const grpc::ByteBuffer& reply() const { return reply_; }

 private:
  void next() {
    if (at_ == pieces_.size()) {
      if (half_close_) StartWritesDone();
      half_close_ = false;
      return;
    }
    StartWrite(&pieces_[at_++]);
  }
  grpc::ClientContext context_;
  std::vector<grpc::ByteBuffer> pieces_;
  bool half_close_;
  std::size_t at_ = 0;
  grpc::ByteBuffer reply_;
  std::promise<grpc::Status> done_;
};

class Wire : public testing::Test {
 protected:
  void begin() {
    server.start();
    const auto channel = grpc::CreateCustomChannel(
        server.settings.listen, grpc::InsecureChannelCredentials(), channel_options());
    stub = std::make_unique<grpc::GenericStub>(channel);
  }
  NodeId join(const std::string& name) {
    wire::JoinRequest request;
    request.set_version(1);
    request.set_name(name);
    RawCall call(*stub, "Join", {message_buffer(request)}, true, kPatience_s);
    EXPECT_TRUE(call.wait().ok());
    wire::JoinReply reply;
    grpc::ByteBuffer bytes(call.reply());
    EXPECT_TRUE(parse_message(bytes, kReceiveBytesMax, reply).ok());
    return reply.node();
  }
  grpc::Status raw(const std::string& method, const std::string& bytes) {
    RawCall call(*stub, method, {buffer_of(bytes)}, true, kPatience_s);
    return call.wait();
  }
  grpc::Status send(std::vector<grpc::ByteBuffer> pieces) {
    RawCall call(*stub, "Send", std::move(pieces), true, kPatience_s);
    return call.wait();
  }
  static FrameHead head_of(NodeId from, const Frame& frame) {
    FrameHead head;
    head.run = "run-1";
    head.from = from;
    const auto header = read_frame_header(*frame);
    head.tag = header->tag;
    head.round = header->round;
    head.size_bytes = frame->size();
    head.sha256 = sha256(*frame);
    return head;
  }

  ServerParty server;
  std::unique_ptr<grpc::GenericStub> stub;
};

TEST_F(Wire, WhatDoesNotParseGetsInvalidArgument) {
  begin();
  const std::vector<std::string> malformed{
      std::string("\xff\xff\xff\xff", 4), std::string("\x0a\x7f", 2) + "short",
      std::string(200, '\x80'), std::string("\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11)};
  for (const char* method :
       {"Join", "Receive", "Send", "Heartbeat", "Observe", "Leave", "GetNewcomer", "GetStatus"})
    for (const std::string& bytes : malformed)
      EXPECT_EQ(raw(method, bytes).error_code(), StatusCode::INVALID_ARGUMENT) << method;
  // Empty messages parse: they name nobody.
  EXPECT_EQ(raw("Join", "").error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(raw("Send", "").error_code(), StatusCode::INVALID_ARGUMENT);
  for (const char* method : {"Receive", "Heartbeat", "Observe", "Leave", "GetNewcomer"})
    EXPECT_EQ(raw(method, "").error_code(), StatusCode::PERMISSION_DENIED) << method;
  EXPECT_TRUE(server.gate->members().empty());
  EXPECT_EQ(server.sink.frames(), 0u);
}

TEST_F(Wire, StrangersAndOtherRuns) {
  begin();
  wire::MemberRequest request;
  request.set_run("run-1");
  request.set_node(1);
  for (const char* method : {"Heartbeat", "Leave", "Receive", "Observe", "GetNewcomer"})
    EXPECT_EQ(raw(method, request.SerializeAsString()).error_code(), StatusCode::NOT_FOUND);
  request.set_run("run-2");
  for (const char* method : {"Heartbeat", "Leave", "Receive", "Observe", "GetNewcomer"})
    EXPECT_EQ(raw(method, request.SerializeAsString()).error_code(), StatusCode::PERMISSION_DENIED);
  const Frame frame = random_frame("update", 0, 10);
  EXPECT_EQ(send({head_piece(head_of(1, frame)), body_piece(frame, 0)}).error_code(),
            StatusCode::NOT_FOUND);
  const NodeId node = join("alpha");
  FrameHead other = head_of(node, frame);
  other.run = "run-2";
  EXPECT_EQ(send({head_piece(other), body_piece(frame, 0)}).error_code(),
            StatusCode::PERMISSION_DENIED);
}

TEST_F(Wire, AnotherProtocolOrABadNameIsRefused) {
  begin();
  wire::JoinRequest request;
  request.set_version(2);
  request.set_name("alpha");
  EXPECT_EQ(raw("Join", request.SerializeAsString()).error_code(), StatusCode::INVALID_ARGUMENT);
  request.set_version(1);
  request.set_name("Alpha\n");
  EXPECT_EQ(raw("Join", request.SerializeAsString()).error_code(), StatusCode::INVALID_ARGUMENT);
  request.set_name(std::string(100000, 'a'));
  EXPECT_EQ(raw("Join", request.SerializeAsString()).error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_TRUE(server.gate->members().empty());
}

TEST_F(Wire, FramesThatAreNotWhatTheirHeadSays) {
  begin();
  const NodeId node = join("alpha");
  const Frame frame = random_frame("update", 0, 3 << 19);
  const FrameHead head = head_of(node, frame);
  FrameHead longer = head;
  longer.size_bytes += 1;
  FrameHead shorter = head;
  shorter.size_bytes -= 1;
  FrameHead huge = head;
  huge.size_bytes = std::uint64_t{1} << 62;
  FrameHead corrupted = head;
  corrupted.sha256[0] ^= std::byte{1};
  const grpc::ByteBuffer front = body_piece(frame, 0);
  const grpc::ByteBuffer back = body_piece(frame, kChunkBytesMax);
  const auto code = [&](std::vector<grpc::ByteBuffer> pieces) {
    return send(std::move(pieces)).error_code();
  };
  EXPECT_EQ(code({head_piece(longer), front, back}), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(code({head_piece(shorter), front, back}), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(code({head_piece(huge), front, back}), StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(code({head_piece(corrupted), front, back}), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(code({front, back}), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(code({head_piece(head), head_piece(head)}), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(code({head_piece(head), front, notice_piece({})}), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(code({head_piece(head), front}), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(code({head_piece(head), front, back, back}), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(code({head_piece(head), front, buffer_of(std::string("\x12\x00", 2))}),
            StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(code({}), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(server.sink.frames(), 0u);
  EXPECT_TRUE(server.gate->receipts(0).empty());
  EXPECT_EQ(code({head_piece(head), front, back}), StatusCode::OK);
}

TEST_F(Wire, AReceiptComesWithTheSecondTry) {
  begin();
  const NodeId node = join("alpha");
  const Frame frame = random_frame("update", 0, 100);
  const FrameHead head = head_of(node, frame);
  EXPECT_TRUE(send({head_piece(head), body_piece(frame, 0)}).ok());
  const grpc::Status again = send({head_piece(head), body_piece(frame, 0)});
  EXPECT_EQ(again.error_code(), StatusCode::ALREADY_EXISTS);
  const auto receipt = receipt_in(again);
  ASSERT_TRUE(receipt.has_value());
  EXPECT_EQ(receipt->sha256, head.sha256);
  EXPECT_EQ(receipt->number, 1u);
  const Frame other = random_frame("update", 0, 100, 2);
  EXPECT_EQ(send({head_piece(head_of(node, other)), body_piece(other, 0)}).error_code(),
            StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(server.sink.frames(), 1u);
}

TEST_F(Wire, SlowSendersAreCut) {
  server.settings.times.control_deadline_s = 0.2;
  server.settings.times.upload_grace_s = 0.2;
  begin();
  const NodeId node = join("alpha");
  const Frame frame = random_frame("update", 0, 3 << 19);
  // Nothing at all, then a head without a body, then half a body.
  RawCall silent(*stub, "Send", {}, false, kPatience_s);
  EXPECT_EQ(silent.wait().error_code(), StatusCode::DEADLINE_EXCEEDED);
  RawCall head_only(*stub, "Send", {head_piece(head_of(node, frame))}, false, kPatience_s);
  EXPECT_EQ(head_only.wait().error_code(), StatusCode::DEADLINE_EXCEEDED);
  RawCall half(*stub, "Send", {head_piece(head_of(node, frame)), body_piece(frame, 0)}, false,
               kPatience_s);
  EXPECT_EQ(half.wait().error_code(), StatusCode::DEADLINE_EXCEEDED);
  EXPECT_GE(metric(server.metrics, "shoal_refusals_total", "reason=\"slow_body\""), 2.0);
  EXPECT_EQ(metric(server.metrics, "shoal_refusals_total", "reason=\"slow_head\""), 1.0);
}

// Fast enough in every window, and never done.
TEST_F(Wire, AnUploadHasADeadline) {
  server.settings.times.upload_grace_s = 0.4;
  server.settings.times.upload_bytes_per_second_min = 1e9;
  begin();
  const NodeId node = join("alpha");
  const Frame frame = random_frame("update", 0, 3 << 19);
  RawCall half(*stub, "Send", {head_piece(head_of(node, frame)), body_piece(frame, 0)}, false,
               kPatience_s);
  EXPECT_EQ(half.wait().error_code(), StatusCode::DEADLINE_EXCEEDED);
  EXPECT_GE(metric(server.metrics, "shoal_refusals_total", "reason=\"upload_deadline\""), 1.0);
}

TEST_F(Wire, TwoFramesOfOneMemberAtATime) {
  begin();
  const NodeId node = join("alpha");
  std::vector<std::unique_ptr<RawCall>> open;
  for (const char* name : {"a", "b"}) {
    const Frame frame = random_frame(name, 0, 1000);
    open.push_back(std::make_unique<RawCall>(
        *stub, "Send", std::vector{head_piece(head_of(node, frame))}, false, kPatience_s));
  }
  const auto begun = [&] {
    const double waited = metric(server.metrics, "shoal_upload_wait_seconds_count");
    return waited >= 2.0;
  };
  ASSERT_TRUE(wait_until(begun));
  const Frame third = random_frame("c", 0, 1000);
  EXPECT_EQ(send({head_piece(head_of(node, third)), body_piece(third, 0)}).error_code(),
            StatusCode::RESOURCE_EXHAUSTED);
  for (const auto& call : open) {
    call->cancel();
    call->wait();
  }
  EXPECT_TRUE(send({head_piece(head_of(node, third)), body_piece(third, 0)}).ok());
}

TEST(UploadBudget, TheOneWhoseTurnItIsDoesNotWait) {
  UploadBudget budget(100);
  std::vector<std::uint64_t> granted;
  std::map<std::uint64_t, UploadBudget::Ticket> tickets;
  const auto acquire = [&](std::uint64_t order) {
    tickets[order] = budget.ticket();
    budget.acquire(tickets[order], order, 50, [&granted, order] { granted.push_back(order); });
  };
  for (const std::uint64_t order : {5, 6, 9, 8, 7}) acquire(order);
  EXPECT_EQ(granted, (std::vector<std::uint64_t>{5, 6}));
  acquire(2);  // before all that hold room
  EXPECT_EQ(granted.back(), 2u);
  EXPECT_EQ(budget.waiting(), 3u);
  budget.release(tickets[2]);
  EXPECT_EQ(granted.size(), 3u);
  budget.release(tickets[5]);
  EXPECT_EQ(granted.back(), 7u);  // by order, not by arrival
  budget.release(tickets[8]);     // leaves the line
  budget.upkeep(100, 10.0);       // something has moved
  budget.upkeep(100, 10.1 + kUploadLinePatience_s / 2);
  EXPECT_EQ(granted.size(), 4u);
  // Nothing has moved: those that hold room wait for somebody who stays away.
  budget.upkeep(100, 10.1 + kUploadLinePatience_s);
  EXPECT_EQ(granted.back(), 9u);
  EXPECT_EQ(budget.waiting(), 0u);
  for (const auto& [order, ticket] : tickets) budget.release(ticket);
  EXPECT_EQ(budget.held_bytes(), 0u);
}

TEST(UploadBudget, HoldsNoMoreThanItsBytes) {
  UploadBudget budget(100);
  std::vector<int> granted;
  std::vector<UploadBudget::Ticket> tickets;
  const auto acquire = [&](std::uint64_t bytes) {
    const int index = static_cast<int>(tickets.size());
    tickets.push_back(budget.ticket());
    budget.acquire(tickets.back(), 0, bytes, [&granted, index] { granted.push_back(index); });
  };
  for (const std::uint64_t bytes : {60, 60, 30, 30}) acquire(bytes);
  EXPECT_EQ(granted, (std::vector<int>{0}));  // the small ones do not pass the second
  EXPECT_EQ(budget.waiting(), 3u);
  budget.release(tickets[0]);
  EXPECT_EQ(granted, (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(budget.held_bytes(), 90u);
  budget.release(tickets[0]);  // a second time does nothing
  EXPECT_EQ(budget.held_bytes(), 90u);
  budget.release(tickets[1]);
  EXPECT_EQ(granted, (std::vector<int>{0, 1, 2, 3}));
  acquire(1000);  // larger than all: alone
  acquire(1);
  budget.release(tickets[2]);
  EXPECT_EQ(granted.size(), 4u);
  budget.release(tickets[3]);
  EXPECT_EQ(granted.back(), 4);
  budget.release(tickets[5]);  // leaves the line
  budget.release(tickets[4]);
  EXPECT_EQ(granted.size(), 5u);
  EXPECT_EQ(budget.held_bytes(), 0u);
  EXPECT_EQ(budget.waiting(), 0u);
}

}  // namespace
}  // namespace shoal
