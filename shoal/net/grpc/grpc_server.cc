#include "shoal/net/grpc/grpc_server.h"

#include <atomic>
#include <condition_variable>
#include <fmt/format.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "shoal/net/grpc/channel_options.h"
#include "shoal/net/grpc/credentials.h"
#include "shoal/net/grpc/federation_service.h"
#include "shoal/net/grpc/newcomer_parts.h"
#include "shoal/net/grpc/observation_parts.h"
#include "shoal/net/grpc/outbox.h"
#include "shoal/net/grpc/translate.h"
#include "shoal/net/grpc/transport_log.h"

namespace shoal {
namespace {

constexpr std::uint32_t kProtocolVersion = 1;
constexpr double kDrainLook_s = 0.005;
constexpr double kUpkeep_s = 1.0;

}  // namespace

struct GrpcServer::State final : FederationCalls, std::enable_shared_from_this<State> {
  State(const GrpcServerSettings& settings, Gate& gate, FrameSink& sink, Metrics& metrics)
      : settings(settings),
        gate(gate),
        sink(sink),
        metrics(metrics),
        intake(std::make_shared<Intake>(gate, sink, metrics, settings.times,
                                        settings.frame_bytes_max, settings.count_until_used)),
        service(intake, this),
        observations(settings.observation_bytes_max) {}

  grpc::Status join(const PeerIdentity& peer, Buffer& request, Buffer& reply) override;
  grpc::Status heartbeat(const PeerIdentity& peer, Buffer& request, Buffer& reply) override;
  grpc::Status observe(const PeerIdentity& peer, Buffer& request, Buffer& reply) override;
  grpc::Status leave(const PeerIdentity& peer, Buffer& request, Buffer& reply) override;
  grpc::Status get_newcomer(const PeerIdentity& peer, Buffer& request, Buffer& reply) override;
  grpc::Status get_status(const PeerIdentity& peer, Buffer& request, Buffer& reply) override;
  grpc::ServerWriteReactor<Buffer>* receive(grpc::CallbackServerContext* context,
                                            Buffer& request) override;

  // Whether the call comes from that member of this run, in which case it is a sign of life.
  std::optional<Refusal> check_member(const PeerIdentity& peer, const std::string& run,
                                      NodeId node);
  // What the gate has refused, and what we refuse ourselves.
  grpc::Status refuse(const Refusal& refusal);
  grpc::Status refuse_ours(const PeerIdentity& peer, const Refusal& refusal);
  std::shared_ptr<Outbox> outbox(NodeId node);
  std::vector<std::shared_ptr<Outbox>> outboxes();
  wire::Notice notice(bool with_peers) const;
  void notify_all();
  // Counts what there is and marks silent members, every kUpkeep_s.
  void upkeep();
  Digest digest_of(const Frame& frame);

  const GrpcServerSettings settings;
  Gate& gate;
  FrameSink& sink;
  Metrics& metrics;
  const std::shared_ptr<Intake> intake;
  FederationService service;
  ObservationParts observations;
  NewcomerParts newcomers;
  std::unique_ptr<ConnectionDoor> door;
  std::unique_ptr<grpc::Server> server;
  std::string address;

  std::atomic<Step> committed_rounds{0};
  std::atomic<bool> has_started{false};
  std::atomic<bool> stopping{false};

  std::mutex upkeep_mutex;  // held while keeping up: shut_down() waits for it
  std::mutex mutex;
  std::map<NodeId, std::shared_ptr<Outbox>> boxes;
  std::function<std::string()> status_json;
  Timer upkeep_timer;
  std::weak_ptr<const Bytes> digested;  // the last frame sent, often to many
  Digest digest{};
};

grpc::Status GrpcServer::State::refuse(const Refusal& refusal) {
  metrics.add("shoal_refusals_total", 1, "reason", refusal.reason);
  return to_status(refusal);
}

grpc::Status GrpcServer::State::refuse_ours(const PeerIdentity& peer, const Refusal& refusal) {
  gate.refused(peer, 0, refusal);
  return refuse(refusal);
}

std::optional<Refusal> GrpcServer::State::check_member(const PeerIdentity& peer,
                                                       const std::string& run, NodeId node) {
  if (run != settings.run) {
    Refusal refusal{RefusalCode::kPermissionDenied, "wrong_run",
                    fmt::format("this server runs \"{}\" and no other", settings.run)};
    gate.refused(peer, node, refusal);
    return refusal;
  }
  auto refusal = gate.heard(peer, node);
  if (!refusal) intake->admitted(peer);
  return refusal;
}

grpc::Status GrpcServer::State::join(const PeerIdentity& peer, Buffer& request, Buffer& reply) {
  wire::JoinRequest wish;
  if (const Status parsed = parse_message(request, kUnauthenticatedBytesMax, wish); !parsed.ok())
    return refuse_ours(peer, malformed(parsed.error().message));
  if (wish.version() != kProtocolVersion)
    return refuse_ours(peer,
                       malformed(fmt::format("protocol version {} is not {}; use the same shoal",
                                             wish.version(), kProtocolVersion)));
  const bool begun = settings.begun || has_started;
  Member candidate;
  candidate.name = wish.name();
  candidate.rows = wish.rows();
  candidate.address = wish.address();
  const auto answer = gate.join(peer, std::move(candidate));
  if (const auto* refusal = std::get_if<Refusal>(&answer)) return refuse(*refusal);
  intake->admitted(peer);

  wire::JoinReply place;
  place.set_run(settings.run);
  place.set_server(settings.server);
  place.set_node(std::get<Member>(answer).node);
  place.set_experiment(settings.experiment);
  place.set_incarnation(settings.incarnation);
  place.set_round(gate.current_round());
  place.set_begun(begun);
  place.set_sha256(place_digest(place));
  reply = message_buffer(place);
  if (has_started) notify_all();  // a peer may have come back under another address
  return grpc::Status::OK;
}

grpc::Status GrpcServer::State::heartbeat(const PeerIdentity& peer, Buffer& request,
                                          Buffer& reply) {
  wire::MemberRequest member;
  if (const Status parsed = parse_message(request, kHeadBytesMax, member); !parsed.ok())
    return refuse_ours(peer, malformed(parsed.error().message));
  if (const auto refusal = check_member(peer, member.run(), member.node())) return refuse(*refusal);
  reply = message_buffer(notice(false));
  return grpc::Status::OK;
}

grpc::Status GrpcServer::State::observe(const PeerIdentity& peer, Buffer& request, Buffer& reply) {
  wire::ObserveRequest seen;
  if (const Status parsed = parse_message(request, kReceiveBytesMax, seen); !parsed.ok())
    return refuse_ours(peer, malformed(parsed.error().message));
  if (const auto refusal = check_member(peer, seen.run(), seen.node())) return refuse(*refusal);
  auto taken = observations.take(seen);
  if (const auto* refusal = std::get_if<Refusal>(&taken)) {
    gate.refused(peer, seen.node(), *refusal);
    return refuse(*refusal);
  }
  if (auto* whole = std::get_if<Bytes>(&taken)) sink.observed(seen.node(), std::move(*whole));
  reply = message_buffer(notice(false));
  return grpc::Status::OK;
}

grpc::Status GrpcServer::State::leave(const PeerIdentity& peer, Buffer& request, Buffer& reply) {
  wire::MemberRequest member;
  if (const Status parsed = parse_message(request, kHeadBytesMax, member); !parsed.ok())
    return refuse_ours(peer, malformed(parsed.error().message));
  if (const auto refusal = check_member(peer, member.run(), member.node())) return refuse(*refusal);
  if (const auto refusal = gate.leave(peer, member.node())) return refuse(*refusal);
  outbox(member.node())->close(grpc::Status(grpc::StatusCode::OK, "left"));
  reply = message_buffer(notice(false));
  return grpc::Status::OK;
}

grpc::Status GrpcServer::State::get_newcomer(const PeerIdentity& peer, Buffer& request,
                                             Buffer& reply) {
  wire::NewcomerRequest wish;
  if (const Status parsed = parse_message(request, kHeadBytesMax, wish); !parsed.ok())
    return refuse_ours(peer, malformed(parsed.error().message));
  if (const auto refusal = check_member(peer, wish.run(), wish.node())) return refuse(*refusal);
  const auto part = newcomers.part(wish);
  if (const auto* refusal = std::get_if<Refusal>(&part)) return refuse_ours(peer, *refusal);
  reply = message_buffer(std::get<wire::NewcomerPart>(part));
  return grpc::Status::OK;
}

grpc::Status GrpcServer::State::get_status(const PeerIdentity& peer, Buffer& request,
                                           Buffer& reply) {
  wire::StatusRequest wish;
  if (const Status parsed = parse_message(request, kUnauthenticatedBytesMax, wish); !parsed.ok())
    return refuse_ours(peer, malformed(parsed.error().message));
  if (peer.certified && !gate.still_admitted(peer)) intake->admitted(peer);
  std::function<std::string()> make_json;
  {
    const std::lock_guard lock(mutex);
    make_json = status_json;
  }
  wire::StatusReply status;
  status.set_json(make_json ? make_json() : "{}");
  reply = message_buffer(status);
  return grpc::Status::OK;
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* GrpcServer::State::receive(
    grpc::CallbackServerContext* context, Buffer& request) {
  const PeerIdentity peer = identity_of(*context);
  wire::ReceiveRequest wish;
  if (const Status parsed = parse_message(request, kHeadBytesMax, wish); !parsed.ok())
    return new RefusedStream(refuse_ours(peer, malformed(parsed.error().message)));
  if (stopping)
    return new RefusedStream(
        refuse(Refusal{RefusalCode::kUnavailable, "stopping", "the server is going down"}));
  if (const auto refusal = check_member(peer, wish.run(), wish.node()))
    return new RefusedStream(refuse(*refusal));
  Outbox::Held held;
  for (const wire::HeldFrame& frame : wish.held())
    held.emplace(frame.from(), static_cast<Tag>(frame.tag()), frame.round());
  return outbox(wish.node())->open(context, peer, held);
}

std::shared_ptr<Outbox> GrpcServer::State::outbox(NodeId node) {
  const std::lock_guard lock(mutex);
  std::shared_ptr<Outbox>& box = boxes[node];
  if (!box) box = std::make_shared<Outbox>([this] { return notice(true); }, metrics);
  return box;
}

std::vector<std::shared_ptr<Outbox>> GrpcServer::State::outboxes() {
  const std::lock_guard lock(mutex);
  std::vector<std::shared_ptr<Outbox>> all;
  for (const auto& [node, box] : boxes) all.push_back(box);
  return all;
}

wire::Notice GrpcServer::State::notice(bool with_peers) const {
  wire::Notice notice;
  notice.set_committed_rounds(committed_rounds);
  notice.set_started(has_started);
  notice.set_stopping(stopping);
  if (!with_peers || !has_started) return notice;
  for (const Member& member : gate.members()) {
    if (member.address.empty() || member.presence == Presence::kLeft) continue;
    wire::Peer& peer = *notice.add_peers();
    peer.set_node(member.node);
    peer.set_name(member.name);
    peer.set_address(member.address);
    peer.set_key(std::string(as_text(member.key)));
  }
  return notice;
}

void GrpcServer::State::notify_all() {
  for (const auto& box : outboxes()) box->notify();
}

void GrpcServer::State::upkeep() {
  const std::lock_guard keeping(upkeep_mutex);
  if (stopping) return;
  gate.mark_silent();
  std::size_t frames = 0;
  std::size_t connections = 0;
  for (const auto& box : outboxes()) {
    frames += box->queued();
    const auto holder = box->holder();
    if (!holder) continue;
    ++connections;
    // A revoked or expired key loses its stream here, also when its member never calls again.
    const auto refusal = gate.still_admitted(*holder);
    if (!refusal) continue;
    gate.refused(*holder, 0, *refusal);
    box->close(refuse(*refusal));
  }
  metrics.set("shoal_members_present", static_cast<double>(gate.present()));
  metrics.set("shoal_transport_errors", static_cast<double>(transport_errors()));
  metrics.set("shoal_queue_frames", static_cast<double>(frames));
  metrics.set("shoal_streams", static_cast<double>(connections));
  const std::lock_guard lock(mutex);
  upkeep_timer.set(kUpkeep_s, [weak = weak_from_this()] {
    if (const auto state = weak.lock()) state->upkeep();
  });
}

Digest GrpcServer::State::digest_of(const Frame& frame) {
  {
    const std::lock_guard lock(mutex);
    if (digested.lock() == frame) return digest;
  }
  const Digest fresh = sha256(*frame);
  const std::lock_guard lock(mutex);
  digested = frame;
  digest = fresh;
  return fresh;
}

GrpcServer::GrpcServer(std::shared_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<GrpcServer>> GrpcServer::start(const GrpcServerSettings& settings,
                                                      Gate& gate, FrameSink& sink,
                                                      Metrics& metrics) {
  quiet_transport_log();
  SHOAL_TRY(const auto credentials, server_credentials(settings.tls, settings.listen));
  auto state = std::make_shared<State>(settings, gate, sink, metrics);
  const DoorLimits limits{settings.strangers_max, settings.strangers_per_address_max,
                          settings.times.handshake_s};
  SHOAL_TRY(state->door, ConnectionDoor::listen(settings.listen, limits, metrics));
  state->intake->tell(state->door.get());
  grpc::ServerBuilder builder;
  set_server_options(builder);
  state->door->attach(builder, credentials);
  builder.RegisterService(&state->service);
  state->server = builder.BuildAndStart();
  if (!state->server) return io_error(fmt::format("gRPC does not start on {}", settings.listen));
  state->address = fmt::format("{}:{}", settings.listen.substr(0, settings.listen.rfind(':')),
                               state->door->port());
  state->intake->start();
  state->door->start();
  state->upkeep();
  return std::unique_ptr<GrpcServer>(new GrpcServer(std::move(state)));
}

GrpcServer::~GrpcServer() { shut_down(0.0); }

std::string GrpcServer::address() const { return state_->address; }

void GrpcServer::committed(Step rounds) {
  state_->committed_rounds = rounds;
  state_->notify_all();
}

void GrpcServer::started() {
  state_->has_started = true;
  state_->notify_all();
}

void GrpcServer::on_status(std::function<std::string()> status_json) {
  const std::lock_guard lock(state_->mutex);
  state_->status_json = std::move(status_json);
}

void GrpcServer::on_newcomer(std::function<Frame(NodeId)> make_newcomer) {
  state_->newcomers.on_make(std::move(make_newcomer));
}

void GrpcServer::send(NodeId from, NodeId to, const Frame& frame) {
  const auto header = read_frame_header(*frame);
  SHOAL_CHECK(header.ok(), "a frame that we send has a header");
  OutgoingFrame outgoing;
  outgoing.head.run = state_->settings.run;
  outgoing.head.from = from;
  outgoing.head.to = to;
  outgoing.head.tag = header.value().tag;
  outgoing.head.round = header.value().round;
  outgoing.head.size_bytes = frame->size();
  outgoing.head.sha256 = state_->digest_of(frame);
  outgoing.frame = frame;
  state_->outbox(to)->push(std::move(outgoing));
}

void GrpcServer::observe(NodeId from, Bytes observation) {
  state_->sink.observed(from, std::move(observation));
}

void GrpcServer::drain(double patience_s) {
  const double until_s = steady_now_s() + patience_s;
  const auto busy = [this] {
    for (const auto& box : state_->outboxes())
      if (!box->idle()) return true;
    return false;
  };
  while (busy() && steady_now_s() < until_s)
    std::this_thread::sleep_for(std::chrono::duration<double>(kDrainLook_s));
}

void GrpcServer::shut_down(double patience_s) {
  if (state_->stopping.exchange(true)) return;
  {
    const std::lock_guard upkeep_is_over(state_->upkeep_mutex);
    const std::lock_guard lock(state_->mutex);
    state_->upkeep_timer.cancel();
  }
  state_->notify_all();
  drain(patience_s);
  state_->intake->stop();
  for (const auto& box : state_->outboxes())
    box->close(grpc::Status(grpc::StatusCode::UNAVAILABLE, "the server is going down"));
  state_->door->stop();
  state_->server->Shutdown(after_s(patience_s));
  state_->server->Wait();
  state_->server.reset();  // not on a thread of gRPC's, whoever lets go of the state last
}

}  // namespace shoal
