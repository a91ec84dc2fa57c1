#include "shoal/net/grpc/federation_service.h"

#include "shoal/net/grpc/credentials.h"

namespace shoal {
namespace {

grpc::Status only_send() {
  return grpc::Status(grpc::StatusCode::UNIMPLEMENTED,
                      "this is a member of a run; it offers Send alone");
}

}  // namespace

grpc::ServerUnaryReactor* FederationService::answer(Call call, grpc::CallbackServerContext* context,
                                                    const grpc::ByteBuffer* request,
                                                    grpc::ByteBuffer* reply) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  if (calls_ == nullptr) {
    reactor->Finish(only_send());
    return reactor;
  }
  grpc::ByteBuffer bytes(*request);  // shares the bytes
  reactor->Finish((calls_->*call)(identity_of(*context), bytes, *reply));
  return reactor;
}

grpc::ServerUnaryReactor* FederationService::Join(grpc::CallbackServerContext* context,
                                                  const grpc::ByteBuffer* request,
                                                  grpc::ByteBuffer* reply) {
  return answer(&FederationCalls::join, context, request, reply);
}

grpc::ServerUnaryReactor* FederationService::Heartbeat(grpc::CallbackServerContext* context,
                                                       const grpc::ByteBuffer* request,
                                                       grpc::ByteBuffer* reply) {
  return answer(&FederationCalls::heartbeat, context, request, reply);
}

grpc::ServerUnaryReactor* FederationService::Observe(grpc::CallbackServerContext* context,
                                                     const grpc::ByteBuffer* request,
                                                     grpc::ByteBuffer* reply) {
  return answer(&FederationCalls::observe, context, request, reply);
}

grpc::ServerUnaryReactor* FederationService::Leave(grpc::CallbackServerContext* context,
                                                   const grpc::ByteBuffer* request,
                                                   grpc::ByteBuffer* reply) {
  return answer(&FederationCalls::leave, context, request, reply);
}

grpc::ServerUnaryReactor* FederationService::GetNewcomer(grpc::CallbackServerContext* context,
                                                         const grpc::ByteBuffer* request,
                                                         grpc::ByteBuffer* reply) {
  return answer(&FederationCalls::get_newcomer, context, request, reply);
}

grpc::ServerUnaryReactor* FederationService::GetStatus(grpc::CallbackServerContext* context,
                                                       const grpc::ByteBuffer* request,
                                                       grpc::ByteBuffer* reply) {
  return answer(&FederationCalls::get_status, context, request, reply);
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* FederationService::Receive(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* request) {
  if (calls_ == nullptr) return new RefusedStream(only_send());
  grpc::ByteBuffer bytes(*request);
  return calls_->receive(context, bytes);
}

grpc::ServerReadReactor<grpc::ByteBuffer>* FederationService::Send(
    grpc::CallbackServerContext* context, grpc::ByteBuffer* reply) {
  std::shared_ptr<Intake> intake;
  {
    const std::lock_guard lock(mutex_);
    intake = intake_;
  }
  if (!intake)
    return new RefusedFrame(
        grpc::Status(grpc::StatusCode::UNAVAILABLE, "this member has not begun yet"));
  return intake->begin(context, reply);
}

void FederationService::open(std::shared_ptr<Intake> intake) {
  const std::lock_guard lock(mutex_);
  intake_ = std::move(intake);
}

}  // namespace shoal
