#include "shoal/net/grpc/grpc_client.h"

#include <fmt/format.h>
#include <thread>

#include "shoal/net/grpc/member_link.h"
#include "shoal/net/grpc/open_line.h"

namespace shoal {
namespace {

constexpr double kDrainLook_s = 0.005;

}  // namespace

struct GrpcClient::State {
  std::shared_ptr<MemberLink> link;
};

GrpcClient::GrpcClient(std::unique_ptr<State> state) : state_(std::move(state)) {}

GrpcClient::~GrpcClient() { state_->link->close(); }

Result<std::unique_ptr<GrpcClient>> GrpcClient::join(const GrpcClientSettings& settings,
                                                     Metrics& metrics) {
  SHOAL_TRY(const OpenedLine opened, open_line(settings.tls, settings.server, {}));
  auto state = std::make_unique<State>();
  state->link = std::make_shared<MemberLink>(
      settings, metrics, std::make_shared<CallGroup>(opened.line), opened.files);
  std::unique_ptr<GrpcClient> client(new GrpcClient(std::move(state)));
  SHOAL_TRY_STATUS(client->state_->link->join(settings.listen));
  return client;
}

const Joined& GrpcClient::joined() const { return state_->link->joined(); }

Status GrpcClient::start(FrameSink& sink, Gate* gate) {
  if (gate != nullptr) return unsupported("peers are not available yet");
  state_->link->start(sink, {});
  return ok_status();
}

bool GrpcClient::wait_started() { return state_->link->wait_started(); }

Status GrpcClient::broken() const { return state_->link->broken(); }

void GrpcClient::leave() { state_->link->leave(); }

void GrpcClient::send(NodeId from, NodeId to, const Frame& frame) {
  state_->link->send(from, to, frame);
}

void GrpcClient::observe(NodeId, Bytes observation) {
  state_->link->observe(std::move(observation));
}

void GrpcClient::drain(double patience_s) {
  const double until_s = steady_now_s() + patience_s;
  while (!state_->link->idle() && steady_now_s() < until_s)
    std::this_thread::sleep_for(std::chrono::duration<double>(kDrainLook_s));
}

}  // namespace shoal
