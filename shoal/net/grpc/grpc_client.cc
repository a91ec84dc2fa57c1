#include "shoal/net/grpc/grpc_client.h"

#include <fmt/format.h>
#include <thread>

#include "shoal/net/grpc/member_link.h"
#include "shoal/net/grpc/open_line.h"
#include "shoal/net/grpc/peer_net.h"

namespace shoal {
namespace {

constexpr double kDrainLook_s = 0.005;

}  // namespace

struct GrpcClient::State {
  std::shared_ptr<MemberLink> link;
  std::unique_ptr<PeerNet> peers;  // null where the member listens for none
  bool among_peers = false;
};

GrpcClient::GrpcClient(std::unique_ptr<State> state) : state_(std::move(state)) {}

GrpcClient::~GrpcClient() {
  state_->link->close();  // before what its events refer to
  if (state_->peers) state_->peers->close();
}

Result<std::unique_ptr<GrpcClient>> GrpcClient::join(const GrpcClientSettings& settings,
                                                     Metrics& metrics) {
  SHOAL_TRY(const OpenedLine opened, open_line(settings.tls, settings.server, {}));
  auto state = std::make_unique<State>();
  state->link = std::make_shared<MemberLink>(
      settings, metrics, std::make_shared<CallGroup>(opened.line), opened.files);
  if (!settings.listen.empty()) {
    SHOAL_TRY(state->peers, PeerNet::listen(settings, metrics));
  }
  const std::string address = state->peers ? state->peers->address() : std::string();
  std::unique_ptr<GrpcClient> client(new GrpcClient(std::move(state)));
  SHOAL_TRY_STATUS(client->state_->link->join(address));
  return client;
}

const Joined& GrpcClient::joined() const { return state_->link->joined(); }

Status GrpcClient::start(FrameSink& sink, Gate* gate) {
  MemberLink::Events events;
  if (gate != nullptr) {
    if (!state_->peers)
      return invalid_argument("this run has peers; give an address where they reach us (listen)");
    PeerNet* peers = state_->peers.get();
    peers->start(joined(), sink, *gate);
    events.on_peers = [peers](const wire::Notice& notice) { peers->introduced(notice); };
    events.on_new_keys = [peers] { peers->keys_changed(); };
    state_->among_peers = true;
  }
  state_->link->start(sink, std::move(events));
  return ok_status();
}

Result<Frame> GrpcClient::fetch_newcomer(std::uint64_t bytes_max) {
  return state_->link->fetch_newcomer(bytes_max);
}

bool GrpcClient::wait_started() { return state_->link->wait_started(); }

Status GrpcClient::broken() const { return state_->link->broken(); }

void GrpcClient::leave() { state_->link->leave(); }

void GrpcClient::send(NodeId from, NodeId to, const Frame& frame) {
  if (state_->among_peers && state_->peers->send(from, to, frame)) return;
  state_->link->send(from, to, frame);
}

void GrpcClient::observe(NodeId, Bytes observation) {
  state_->link->observe(std::move(observation));
}

void GrpcClient::drain(double patience_s) {
  const double until_s = steady_now_s() + patience_s;
  const auto busy = [this] {
    return !state_->link->idle() || (state_->among_peers && !state_->peers->idle());
  };
  while (busy() && steady_now_s() < until_s)
    std::this_thread::sleep_for(std::chrono::duration<double>(kDrainLook_s));
}

}  // namespace shoal
