// The checks of a gate, one refusal after another.
#include <fmt/format.h>

#include "shoal/net/gate_state.h"
#include "shoal/net/limits.h"
#include "shoal/net/printable.h"

namespace shoal {
namespace {

constexpr std::size_t kFrameBytesMin = 16;  // its header

using Code = RefusalCode;
using MaybeRefusal = std::optional<Refusal>;

MaybeRefusal check_digest_and_header(const FrameHead& head, const Frame& body) {
  if (!body || body->size() != head.size_bytes)
    return Refusal{Code::kInvalidArgument, "wrong_size",
                   fmt::format("the body has {} bytes and its head declares {}",
                               body ? body->size() : 0, head.size_bytes)};
  if (sha256(*body) != head.sha256)
    return Refusal{Code::kInvalidArgument, "wrong_digest",
                   "the body's SHA-256 is not the one in its head; send it again"};
  const auto header = read_frame_header(*body);
  if (!header.ok())
    return Refusal{Code::kInvalidArgument, "bad_frame",
                   printable(header.error().message, kSentenceLengthMax)};
  if (header->tag != head.tag || header->round != head.round)
    return Refusal{
        Code::kInvalidArgument, "wrong_header",
        fmt::format("the frame is {} of round {} and its head says {} of round {}",
                    tag_text(header->tag), header->round, tag_text(head.tag), head.round)};
  return std::nullopt;
}

}  // namespace

// Who the peer is, as far as its connection proves it; null in a run without certificates, where a
// member is whoever says its node id.
std::variant<Gate::State::Known, Refusal> Gate::State::authenticate(const PeerIdentity& peer) {
  if (!settings.certificates) return Known{};
  if (!peer.certified)
    return Refusal{Code::kUnauthenticated, "no_certificate",
                   "this run admits members by certificate: connect with the one that its "
                   "authority has issued to you"};
  auto known = keys.get(peer.key, peer.certificate_pem);
  if (!known.ok())
    return Refusal{Code::kUnauthenticated, "bad_certificate",
                   printable(known.error().message, kSentenceLengthMax)};
  const Certificate& certificate = (*known)->certificate;
  if (certificate.name != peer.name || !is_member_name(peer.name))
    return Refusal{Code::kUnauthenticated, "bad_certificate",
                   fmt::format("the certificate is made out to '{}', which is not the member's "
                               "name or no name of a member at all",
                               printable(certificate.name))};
  if (certificate.server)
    return Refusal{
        Code::kPermissionDenied, "wrong_role",
        fmt::format("'{}' is a server's certificate; members have their own", peer.name)};
  const std::int64_t now_s = wall_clock();
  if (now_s < certificate.not_before_unix_s || now_s > certificate.not_after_unix_s)
    return Refusal{
        Code::kUnauthenticated, "certificate_expired",
        fmt::format("the certificate of '{}' is valid from {} to {} and it is {} (unix "
                    "seconds); have a new one issued, or set the clock",
                    peer.name, certificate.not_before_unix_s, certificate.not_after_unix_s, now_s)};
  if (revoked && revoked(peer.key))
    return Refusal{
        Code::kUnauthenticated, "revoked",
        fmt::format("the key of '{}' has been revoked; have a new certificate issued", peer.name)};
  return *std::move(known);
}

MaybeRefusal Gate::State::check_sender(const PeerIdentity& peer, NodeId node) const {
  const Member* member = settings.certificates ? roster.find(peer.name) : roster.find(node);
  if (member == nullptr)
    return Refusal{
        Code::kNotFound, "not_joined",
        fmt::format("{} has not joined this run; join first",
                    settings.certificates ? "'" + peer.name + "'" : fmt::format("node {}", node))};
  if (member->node != node)
    return Refusal{Code::kPermissionDenied, "wrong_node",
                   fmt::format("'{}' is node {} and cannot speak for node {}", member->name,
                               member->node, node)};
  if (member->presence == Presence::kLeft)
    return Refusal{Code::kFailedPrecondition, "left",
                   fmt::format("'{}' has left this run; join again", member->name)};
  return std::nullopt;
}

// What a head says of itself.
MaybeRefusal Gate::State::check_place(const FrameHead& head) const {
  if (head.to != settings.self)
    return Refusal{
        Code::kFailedPrecondition, "wrong_receiver",
        fmt::format("the frame is for node {} and this is node {}", head.to, settings.self)};
  if (head.size_bytes > settings.frame_bytes_max)
    return Refusal{Code::kResourceExhausted, "too_large",
                   fmt::format("the frame declares {} bytes; at most {} are taken, the model and "
                               "what goes around it",
                               head.size_bytes, settings.frame_bytes_max)};
  if (head.size_bytes < kFrameBytesMin)
    return Refusal{Code::kInvalidArgument, "too_small",
                   fmt::format("the frame declares {} bytes; its header alone has {}",
                               head.size_bytes, kFrameBytesMin)};
  return std::nullopt;
}

MaybeRefusal Gate::State::check_received(const FrameHead& head) const {
  const auto receipt = receipts.find(head.from, head.tag, head.round);
  if (!receipt || receipt->sha256 != head.sha256) return std::nullopt;
  return Refusal{Code::kAlreadyExists, "already_received",
                 fmt::format("{} of round {} has been received, as number {}", tag_text(head.tag),
                             head.round, receipt->number)};
}

MaybeRefusal Gate::State::check_proof(const KnownKey& known, const FrameHead& head,
                                      bool expires) const {
  if (head.proof.signature.empty())
    return Refusal{Code::kUnauthenticated, "no_proof",
                   "the frame has no proof; sign its statement with the member's key"};
  const std::int64_t now_s = wall_clock();
  if (expires && (head.proof.expires_unix_s < now_s - kClockSkew_s ||
                  head.proof.expires_unix_s > now_s + kClockSkew_s))
    return Refusal{Code::kUnauthenticated, "expired",
                   fmt::format("the proof is made for {} and it is {} (unix seconds), more than {} "
                               "s apart; make a new proof, or set the clock",
                               head.proof.expires_unix_s, now_s, kClockSkew_s)};
  if (!known.key.verify(frame_statement(head, settings.server, kSendMethod), head.proof.signature))
    return Refusal{Code::kFailedPrecondition, "proof_mismatch",
                   fmt::format("the proof was not made by this key for this frame, run and round, "
                               "addressed to '{}'",
                               settings.server)};
  return std::nullopt;
}

// What can change between a head and the end of its body.
MaybeRefusal Gate::State::check_state(const FrameHead& head, double now_s) {
  if (auto refusal = check_received(head)) return refusal;
  if (receipts.find(head.from, head.tag, head.round))
    return Refusal{Code::kFailedPrecondition, "conflicting_update",
                   fmt::format("another {} of round {} has been received from this member; the "
                               "first one stands",
                               tag_text(head.tag), head.round)};
  if (settings.only_current_round && head.round != round)
    return Refusal{
        Code::kFailedPrecondition, head.round < round ? "stale_round" : "future_round",
        fmt::format("the frame is of round {}; the current round is {}", head.round, round)};
  if (settings.only_current_round && round_is_closed)
    return Refusal{Code::kFailedPrecondition, "round_closed",
                   fmt::format("round {} is closed: the frame comes too late for it", round)};
  if (receipts.count(head.from) >= kReceiptsPerClientMax)
    return Refusal{Code::kResourceExhausted, "too_many_frames",
                   fmt::format("this member has sent {} frames, the most that a run takes of one",
                               kReceiptsPerClientMax)};
  if (!settings.certificates) return std::nullopt;
  nonces.expire(head.from, now_s);
  if (nonces.seen(head.from, head.proof.nonce))
    return Refusal{Code::kUnauthenticated, "nonce_reused",
                   "the proof's nonce has been used; make a proof with a new one"};
  if (nonces.full(head.from))
    return Refusal{Code::kResourceExhausted, "too_many_proofs",
                   fmt::format("this member has used {} proofs within {} s; send more slowly",
                               kNoncesPerClientMax, 2 * kClockSkew_s)};
  return std::nullopt;
}

// Everything that can be said of a frame before its body. What was received is answered before its
// proof is looked at: an honest retry may come long after its proof has expired.
MaybeRefusal Gate::State::examine(const PeerIdentity& peer, const FrameHead& head, bool expires) {
  auto known = authenticate(peer);
  if (auto* refusal = std::get_if<Refusal>(&known)) return std::move(*refusal);
  if (head.run != settings.run)
    return Refusal{Code::kPermissionDenied, "wrong_run",
                   fmt::format("the frame is for run '{}' and this is run '{}'",
                               printable(head.run), settings.run)};
  {
    const std::lock_guard lock(mutex);
    if (auto refusal = check_sender(peer, head.from)) return refusal;
    if (auto refusal = check_place(head)) return refusal;
    if (auto refusal = check_received(head)) return refusal;
  }
  if (settings.certificates)
    if (auto refusal = check_proof(*std::get<Known>(known), head, expires)) return refusal;
  const std::lock_guard lock(mutex);
  return check_state(head, clock());
}

MaybeRefusal Gate::State::check_content(const FrameHead& head, const Frame& body) const {
  if (auto refusal = check_digest_and_header(head, body)) return refusal;
  Member sender;
  {
    const std::lock_guard lock(mutex);
    const Member* member = roster.find(head.from);
    SHOAL_CHECK(member != nullptr, "a member keeps its place");
    sender = *member;
  }
  const auto header = read_frame_header(*body);
  const Status status = check(Message(head.from, body, *header), sender);
  if (status.ok()) return std::nullopt;
  return Refusal{Code::kInvalidArgument, "bad_content",
                 printable(status.error().message, kSentenceLengthMax)};
}

std::string Gate::State::describe(const PeerIdentity& peer, const FrameHead& head) const {
  std::string text =
      fmt::format("round {}, {}, sha256 {}", head.round, tag_text(head.tag), hex(head.sha256));
  const auto receipt = receipts.find(head.from, head.tag, head.round);
  if (receipt && receipt->sha256 != head.sha256)
    text += fmt::format(", first seen {}", hex(receipt->sha256));
  if (settings.certificates && peer.certified) text += fmt::format(", key {}", hex(peer.key));
  return text;
}

void Gate::State::emit(const PeerIdentity& peer, GateEvent::Kind kind, const Member& member) const {
  if (!on_event) return;
  GateEvent event;
  event.kind = kind;
  event.name = member.name;
  event.address = printable(peer.address, kAddressLengthMax);
  event.node = member.node;
  if (settings.certificates && peer.certified) event.detail = fmt::format("key {}", hex(peer.key));
  on_event(event);
}

Refusal Gate::State::refuse(const PeerIdentity& peer, std::optional<NodeId> node, Refusal refusal,
                            const FrameHead* head) const {
  if (!on_event) return refusal;
  GateEvent event;
  event.address = printable(peer.address, kAddressLengthMax);
  event.node = node.value_or(0);
  event.refusal = refusal;
  {
    const std::lock_guard lock(mutex);
    const Member* claimed = node && !settings.certificates ? roster.find(*node) : nullptr;
    if (claimed != nullptr)
      event.name = claimed->name;
    else if (is_member_name(peer.name))
      event.name = peer.name;
    if (head != nullptr) {
      event.bytes = head->size_bytes;
      event.detail = describe(peer, *head);
    }
  }
  on_event(event);
  return refusal;
}

}  // namespace shoal
