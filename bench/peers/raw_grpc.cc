#include "bench/peers/raw_grpc.h"

#include <atomic>
#include <condition_variable>
#include <fmt/format.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <mutex>

#include "shoal/net/grpc/channel_options.h"
#include "shoal/net/grpc/credentials.h"
#include "shoal/net/grpc/pieces.h"

namespace shoal {
namespace {

class RawService final : public grpc::CallbackGenericService {
 public:
  std::atomic<std::uint64_t> bytes{0};

  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext*) override {
    return new Reader(bytes);
  }

 private:
  class Reader final : public grpc::ServerGenericBidiReactor {
   public:
    explicit Reader(std::atomic<std::uint64_t>& bytes) : bytes_(bytes) { StartRead(&piece_); }
    void OnReadDone(bool ok) override {
      if (!ok) return Finish(grpc::Status::OK);
      bytes_ += piece_.Length();
      piece_.Clear();
      StartRead(&piece_);
    }
    void OnDone() override { delete this; }

   private:
    std::atomic<std::uint64_t>& bytes_;
    grpc::ByteBuffer piece_;
  };
};

class RunningRawServer final : public RawServer {
 public:
  Status begin(const std::string& listen, const TlsFiles& tls) {
    SHOAL_TRY(const auto credentials, server_credentials(tls, listen));
    grpc::ServerBuilder builder;
    set_server_options(builder);
    int port = 0;
    builder.AddListeningPort(listen, credentials, &port);
    builder.RegisterCallbackGenericService(&service_);
    server_ = builder.BuildAndStart();
    if (!server_ || port == 0) return io_error("cannot listen on " + listen);
    address_ = fmt::format("{}:{}", listen.substr(0, listen.rfind(':')), port);
    return ok_status();
  }
  std::string address() const override { return address_; }
  std::uint64_t received_bytes() const override { return service_.bytes; }

 private:
  RawService service_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

struct Waiting {
  std::mutex mutex;
  std::condition_variable ended;
  std::size_t left = 0;
  std::string trouble;
};

class RawMember {
 public:
  RawMember(const std::string& address, const CallerCredentials& credentials, std::size_t frames,
            Frame frame, Waiting& waiting)
      : stub_(grpc::CreateCustomChannel(address, credentials.channel, channel_options())),
        left_(frames),
        frame_(std::move(frame)),
        waiting_(waiting) {}
  void next() {
    --left_;
    (new Call(*this))->start();
  }

 private:
  class Call final : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
   public:
    explicit Call(RawMember& member) : member_(member) {}
    void start() {
      member_.stub_.PrepareBidiStreamingCall(&context_, "/shoal.raw/Send", {}, this);
      StartRead(&reply_);
      write();
      StartCall();
    }
    void OnWriteDone(bool ok) override {
      if (ok && offset_ < member_.frame_->size()) write();
    }
    void OnDone(const grpc::Status& status) override {
      RawMember& member = member_;
      delete this;
      if (status.ok() && member.left_ > 0) return member.next();
      const std::lock_guard lock(member.waiting_.mutex);
      if (!status.ok()) member.waiting_.trouble = status.error_message();
      --member.waiting_.left;
      member.waiting_.ended.notify_all();
    }

   private:
    void write() {
      piece_ = body_piece(member_.frame_, offset_);
      offset_ += std::min(kChunkBytesMax, member_.frame_->size() - offset_);
      grpc::WriteOptions options;
      if (offset_ == member_.frame_->size()) options.set_last_message();
      StartWrite(&piece_, options);
    }
    RawMember& member_;
    grpc::ClientContext context_;
    grpc::ByteBuffer piece_;
    grpc::ByteBuffer reply_;
    std::size_t offset_ = 0;
  };

  grpc::GenericStub stub_;
  std::size_t left_;
  const Frame frame_;
  Waiting& waiting_;
};

}  // namespace

Result<std::unique_ptr<RawServer>> RawServer::start(const std::string& listen,
                                                    const TlsFiles& tls) {
  auto server = std::make_unique<RunningRawServer>();
  SHOAL_TRY_STATUS(server->begin(listen, tls));
  return std::unique_ptr<RawServer>(std::move(server));
}

Status raw_members(const std::string& address, const std::vector<TlsFiles>& members,
                   std::size_t frames, std::size_t frame_bytes) {
  const Frame frame = std::make_shared<const Bytes>(frame_bytes, std::byte{1});
  Waiting waiting;
  std::vector<std::unique_ptr<RawMember>> running;
  for (const TlsFiles& tls : members) {
    SHOAL_TRY(const auto credentials, caller_credentials(tls, address));
    running.push_back(std::make_unique<RawMember>(address, credentials, frames, frame, waiting));
  }
  waiting.left = running.size();
  for (const auto& member : running) member->next();
  std::unique_lock lock(waiting.mutex);
  waiting.ended.wait(lock, [&waiting] { return waiting.left == 0; });
  return waiting.trouble.empty() ? ok_status() : Status(io_error(waiting.trouble));
}

}  // namespace shoal
