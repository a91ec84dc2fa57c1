// FederationService: the calls of shoal.proto as gRPC sees them, with messages as raw bytes:
// parsing is ours, so that what does not parse gets its code and body pieces are not copied twice.
//
// A member that has peers offers Send alone; the other calls answer UNIMPLEMENTED there.
#pragma once

#include <memory>

#include "shoal/net/grpc/intake.h"
#include "shoal/net/grpc/shoal.grpc.pb.h"

namespace shoal {

template <class Base>
using RawUnaryCalls =
    wire::Federation::WithRawCallbackMethod_Join<wire::Federation::WithRawCallbackMethod_Heartbeat<
        wire::Federation::WithRawCallbackMethod_Observe<
            wire::Federation::WithRawCallbackMethod_Leave<
                wire::Federation::WithRawCallbackMethod_GetNewcomer<
                    wire::Federation::WithRawCallbackMethod_GetStatus<Base>>>>>>;
using RawFederation = RawUnaryCalls<wire::Federation::WithRawCallbackMethod_Receive<
    wire::Federation::WithRawCallbackMethod_Send<wire::Federation::Service>>>;

// What the server of a run answers; called from any thread.
class FederationCalls {
 public:
  using Buffer = grpc::ByteBuffer;
  virtual ~FederationCalls() = default;
  virtual grpc::Status join(const PeerIdentity& peer, Buffer& request, Buffer& reply) = 0;
  virtual grpc::Status heartbeat(const PeerIdentity& peer, Buffer& request, Buffer& reply) = 0;
  virtual grpc::Status observe(const PeerIdentity& peer, Buffer& request, Buffer& reply) = 0;
  virtual grpc::Status leave(const PeerIdentity& peer, Buffer& request, Buffer& reply) = 0;
  virtual grpc::Status get_newcomer(const PeerIdentity& peer, Buffer& request, Buffer& reply) = 0;
  virtual grpc::Status get_status(const PeerIdentity& peer, Buffer& request, Buffer& reply) = 0;
  virtual grpc::ServerWriteReactor<Buffer>* receive(grpc::CallbackServerContext* context,
                                                    Buffer& request) = 0;
};

class FederationService final : public RawFederation {
 public:
  // `calls` is null on a member; without an intake, Send answers UNAVAILABLE until open().
  FederationService(std::shared_ptr<Intake> intake, FederationCalls* calls)
      : intake_(std::move(intake)), calls_(calls) {}
  void open(std::shared_ptr<Intake> intake);

  grpc::ServerUnaryReactor* Join(grpc::CallbackServerContext* context,
                                 const grpc::ByteBuffer* request, grpc::ByteBuffer* reply) override;
  grpc::ServerUnaryReactor* Heartbeat(grpc::CallbackServerContext* context,
                                      const grpc::ByteBuffer* request,
                                      grpc::ByteBuffer* reply) override;
  grpc::ServerUnaryReactor* Observe(grpc::CallbackServerContext* context,
                                    const grpc::ByteBuffer* request,
                                    grpc::ByteBuffer* reply) override;
  grpc::ServerUnaryReactor* Leave(grpc::CallbackServerContext* context,
                                  const grpc::ByteBuffer* request,
                                  grpc::ByteBuffer* reply) override;
  grpc::ServerUnaryReactor* GetNewcomer(grpc::CallbackServerContext* context,
                                        const grpc::ByteBuffer* request,
                                        grpc::ByteBuffer* reply) override;
  grpc::ServerUnaryReactor* GetStatus(grpc::CallbackServerContext* context,
                                      const grpc::ByteBuffer* request,
                                      grpc::ByteBuffer* reply) override;
  grpc::ServerWriteReactor<grpc::ByteBuffer>* Receive(grpc::CallbackServerContext* context,
                                                      const grpc::ByteBuffer* request) override;
  grpc::ServerReadReactor<grpc::ByteBuffer>* Send(grpc::CallbackServerContext* context,
                                                  grpc::ByteBuffer* reply) override;

 private:
  using Call = grpc::Status (FederationCalls::*)(const PeerIdentity&, grpc::ByteBuffer&,
                                                 grpc::ByteBuffer&);
  grpc::ServerUnaryReactor* answer(Call call, grpc::CallbackServerContext* context,
                                   const grpc::ByteBuffer* request, grpc::ByteBuffer* reply);

  std::mutex mutex_;
  std::shared_ptr<Intake> intake_;
  FederationCalls* const calls_;
};

// A stream that only says no.
class RefusedStream final : public grpc::ServerWriteReactor<grpc::ByteBuffer> {
 public:
  explicit RefusedStream(grpc::Status status) { Finish(std::move(status)); }
  void OnDone() override { delete this; }
};

class RefusedFrame final : public grpc::ServerReadReactor<grpc::ByteBuffer> {
 public:
  explicit RefusedFrame(grpc::Status status) { Finish(std::move(status)); }
  void OnDone() override { delete this; }
};

}  // namespace shoal
