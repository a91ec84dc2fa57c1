#include "shoal/net/grpc/peer_net.h"

#include <cstring>
#include <fmt/format.h>
#include <grpcpp/server_builder.h>

#include "shoal/net/grpc/channel_options.h"
#include "shoal/net/grpc/credentials.h"
#include "shoal/net/grpc/open_line.h"
#include "shoal/net/limits.h"

namespace shoal {

Result<std::unique_ptr<PeerNet>> PeerNet::listen(const GrpcClientSettings& settings,
                                                 Metrics& metrics) {
  SHOAL_TRY(const auto credentials, server_credentials(settings.tls, settings.listen));
  const std::string host = settings.listen.substr(0, settings.listen.rfind(':'));
  if (host == "0.0.0.0" || host == "[::]")
    return invalid_argument(fmt::format(
        "{} is no address that peers can dial; listen on the host that they know", host));
  std::unique_ptr<PeerNet> net(new PeerNet(settings, metrics));
  net->service_ = std::make_shared<FederationService>(nullptr, nullptr);
  DoorLimits limits;
  limits.handshake_s = settings.times.handshake_s;
  SHOAL_TRY(net->door_, ConnectionDoor::listen(settings.listen, limits, metrics));
  grpc::ServerBuilder builder;
  set_server_options(builder);
  net->door_->attach(builder, credentials);
  builder.RegisterService(net->service_.get());
  net->server_ = builder.BuildAndStart();
  if (!net->server_) return io_error(fmt::format("gRPC does not start on {}", settings.listen));
  net->address_ = fmt::format("{}:{}", host, net->door_->port());
  net->door_->start();
  return net;
}

PeerNet::~PeerNet() { close(); }

void PeerNet::start(const Joined& joined, FrameSink& sink, Gate& gate) {
  joined_ = joined;
  gate_ = &gate;
  intake_ = std::make_shared<Intake>(gate, sink, metrics_, settings_.times,
                                     settings_.frame_bytes_max, false);
  intake_->tell(door_.get());
  intake_->start();
  service_->open(intake_);
}

void PeerNet::introduced(const wire::Notice& notice) {
  const std::lock_guard lock(mutex_);
  if (closed_) return;
  for (const wire::Peer& peer : notice.peers()) {
    if (peer.node() == joined_.node) continue;
    Member member;
    member.name = peer.name();
    member.node = peer.node();
    member.address = peer.address();
    if (peer.key().size() == member.key.size())
      std::memcpy(member.key.data(), peer.key().data(), member.key.size());
    gate_->introduce(member);
    dial(peer);
  }
}

void PeerNet::dial(const wire::Peer& peer) {
  const auto known = peers_.find(peer.node());
  if (known != peers_.end() && known->second.address == peer.address()) return;
  const auto opened = open_line(settings_.tls, peer.address(), peer.name());
  if (!opened) {
    fmt::print(stderr, "shoal: cannot dial {}: {}\n", peer.name(), opened.error().message);
    return;
  }
  if (known != peers_.end()) {
    known->second.address = peer.address();
    known->second.calls->replace_line(opened->line);
    known->second.sender->resume(false);
    return;
  }
  SenderSettings sender;
  sender.run = joined_.run;
  sender.receiver = peer.name();
  sender.times = settings_.times;
  sender.jitter_seed = settings_.jitter_seed + peer.node();
  PeerLink link{peer.name(), peer.address(), std::make_shared<CallGroup>(opened->line), nullptr};
  // A peer that does not know us yet is tried again: it hears of us from the server.
  link.sender = std::make_shared<FrameSender>(std::move(sender), link.calls, metrics_,
                                              std::function<void()>());
  peers_.emplace(peer.node(), std::move(link));
}

void PeerNet::keys_changed() {
  const std::lock_guard lock(mutex_);
  for (auto& [node, peer] : peers_) {
    const auto opened = open_line(settings_.tls, peer.address, peer.name);
    if (opened) peer.calls->replace_line(opened->line);
  }
}

bool PeerNet::send(NodeId from, NodeId to, const Frame& frame) {
  std::shared_ptr<FrameSender> sender;
  {
    const std::lock_guard lock(mutex_);
    const auto peer = peers_.find(to);
    if (peer == peers_.end()) return false;
    sender = peer->second.sender;
  }
  sender->push(from, to, frame);
  return true;
}

bool PeerNet::idle() const {
  const std::lock_guard lock(mutex_);
  for (const auto& [node, peer] : peers_)
    if (!peer.sender->idle()) return false;
  return true;
}

void PeerNet::close() {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(closed_, true)) return;
  }
  for (auto& [node, peer] : peers_) {
    peer.sender->stop();
    peer.calls->close_and_wait();
  }
  if (intake_) intake_->stop();
  if (door_) door_->stop();
  if (server_) {
    server_->Shutdown(after_s(0.0));
    server_->Wait();
  }
}

}  // namespace shoal
