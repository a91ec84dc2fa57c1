#include "shoal/net/gate.h"

#include <fmt/format.h>
#include <new>

#include "shoal/net/gate_state.h"
#include "shoal/net/limits.h"
#include "shoal/net/printable.h"

namespace shoal {
namespace {

using Kind = GateEvent::Kind;

}  // namespace

Gate::Gate(GateSettings settings, ContentCheck check, Clock clock, WallClock wall_clock)
    : state_(std::make_unique<State>(std::move(settings), std::move(check), std::move(clock),
                                     std::move(wall_clock))) {
  SHOAL_CHECK(state_->check && state_->clock && state_->wall_clock,
              "a gate has a content check and two clocks");
}
Gate::~Gate() = default;

void Gate::on_event(std::function<void(const GateEvent&)> on_event) {
  state_->on_event = std::move(on_event);
}

void Gate::set_revoked(Revoked revoked) { state_->revoked = std::move(revoked); }

std::variant<Member, Refusal> Gate::join(const PeerIdentity& peer, Member candidate) {
  PeerIdentity named = peer;
  if (!state_->settings.certificates) named.name = candidate.name;
  const auto refuse = [&](Refusal refusal) {
    return state_->refuse(named, std::nullopt, std::move(refusal));
  };
  const auto known = state_->authenticate(peer);
  if (const auto* refusal = std::get_if<Refusal>(&known)) return refuse(*refusal);
  if (candidate.name != named.name)
    return refuse(
        {RefusalCode::kPermissionDenied, "wrong_name",
         fmt::format("the certificate is made out to '{}'; join under that name, not '{}'",
                     peer.name, printable(candidate.name))});
  if (candidate.rows > state_->settings.rows_max)
    return refuse({RefusalCode::kInvalidArgument, "too_many_rows",
                   fmt::format("{} rows are more than the {} that a member may register",
                               candidate.rows, state_->settings.rows_max)});
  candidate.key = state_->settings.certificates ? peer.key : Digest{};
  std::unique_lock lock(state_->mutex);
  const bool returned = state_->roster.find(candidate.name) != nullptr;
  const auto node = state_->roster.join(candidate, state_->clock());
  if (const auto* refusal = std::get_if<Refusal>(&node)) {
    lock.unlock();
    return refuse(*refusal);
  }
  const Member member = *state_->roster.find(std::get<NodeId>(node));
  lock.unlock();
  state_->emit(peer, returned ? Kind::kReturned : Kind::kJoined, member);
  return member;
}

void Gate::introduce(const Member& member) {
  Member introduced = member;
  introduced.presence = Presence::kAbsent;
  std::unique_lock lock(state_->mutex);
  auto refusal = state_->roster.place(introduced, state_->clock());
  lock.unlock();
  if (refusal) state_->refuse({}, member.node, *std::move(refusal));
}

std::optional<Refusal> Gate::leave(const PeerIdentity& peer, NodeId node) {
  const auto known = state_->authenticate(peer);
  if (const auto* refusal = std::get_if<Refusal>(&known))
    return state_->refuse(peer, node, *refusal);
  std::unique_lock lock(state_->mutex);
  auto refusal = state_->check_sender(peer, node);
  if (refusal) {
    lock.unlock();
    return state_->refuse(peer, node, *std::move(refusal));
  }
  state_->roster.leave(node);
  const Member member = *state_->roster.find(node);
  lock.unlock();
  state_->emit(peer, Kind::kLeft, member);
  return std::nullopt;
}

std::optional<Refusal> Gate::heard(const PeerIdentity& peer, NodeId node) {
  const auto known = state_->authenticate(peer);
  if (const auto* refusal = std::get_if<Refusal>(&known))
    return state_->refuse(peer, node, *refusal);
  std::unique_lock lock(state_->mutex);
  auto refusal = state_->check_sender(peer, node);
  if (refusal) {
    lock.unlock();
    return state_->refuse(peer, node, *std::move(refusal));
  }
  const Member before = *state_->roster.find(node);
  state_->roster.heard(node, state_->clock());
  lock.unlock();
  if (before.presence == Presence::kAbsent) state_->emit(peer, Kind::kReturned, before);
  return std::nullopt;
}

std::optional<Refusal> Gate::still_admitted(const PeerIdentity& peer) const {
  auto known = state_->authenticate(peer);
  if (auto* refusal = std::get_if<Refusal>(&known)) return std::move(*refusal);
  return std::nullopt;
}

std::optional<Refusal> Gate::check_head(const PeerIdentity& peer, const FrameHead& head) {
  if (auto refusal = state_->examine(peer, head, true))
    return state_->refuse(peer, head.from, *std::move(refusal), &head);
  return heard(peer, head.from);
}

std::variant<Receipt, Refusal> Gate::check_body(const PeerIdentity& peer, const FrameHead& head,
                                                const Frame& body) {
  State& state = *state_;
  const auto refuse = [&](Refusal refusal) {
    return state.refuse(peer, head.from, std::move(refusal), &head);
  };
  if (auto refusal = state.examine(peer, head, false)) return refuse(*std::move(refusal));
  if (auto refusal = state.check_content(head, body)) return refuse(*std::move(refusal));
  // While the content was checked, the key may have been revoked, the round closed, or another
  // upload may have won.
  const auto known = state.authenticate(peer);
  if (const auto* refusal = std::get_if<Refusal>(&known)) return refuse(*refusal);
  std::unique_lock lock(state.mutex);
  const double now_s = state.clock();
  auto refusal = state.check_sender(peer, head.from);
  if (!refusal) refusal = state.check_state(head, now_s);
  if (refusal) {
    lock.unlock();
    return refuse(*std::move(refusal));
  }
  // Whatever finds no memory comes before the receipt, or is not worth a frame.
  GateEvent event;
  event.kind = Kind::kReceived;
  event.name = state.roster.find(head.from)->name;
  event.address = printable(peer.address, kAddressLengthMax);
  event.node = head.from;
  event.bytes = head.size_bytes;
  if (state.on_event) event.detail = state.describe(peer, head);
  if (state.settings.certificates) state.nonces.add(head.from, head.proof.nonce, now_s);
  const Receipt receipt = state.receipts.add(head.from, head.tag, head.round, head.sha256);
  state.roster.heard(head.from, now_s);
  lock.unlock();
  try {
    if (state.on_event) state.on_event(event);
  } catch (const std::bad_alloc&) {
  }
  return receipt;
}

void Gate::withdraw(const FrameHead& head) {
  const std::lock_guard lock(state_->mutex);
  state_->receipts.withdraw(head.from, head.tag, head.round);
}

std::optional<Receipt> Gate::receipt_of(NodeId from, Tag tag, Step round) const {
  const std::lock_guard lock(state_->mutex);
  return state_->receipts.find(from, tag, round);
}

void Gate::refused(const PeerIdentity& peer, NodeId node, Refusal refusal) {
  refusal.sentence = printable(refusal.sentence, kSentenceLengthMax);
  state_->refuse(peer, node, std::move(refusal));
}

std::vector<NodeId> Gate::mark_silent() {
  std::vector<Member> silent;
  {
    const std::lock_guard lock(state_->mutex);
    const double now_s = state_->clock();
    state_->nonces.expire(now_s);
    for (const NodeId node : state_->roster.mark_silent(now_s))
      silent.push_back(*state_->roster.find(node));
  }
  std::vector<NodeId> nodes;
  for (const Member& member : silent) {
    state_->emit({}, Kind::kAbsent, member);
    nodes.push_back(member.node);
  }
  return nodes;
}

void Gate::open_round(Step round) {
  const std::lock_guard lock(state_->mutex);
  if (round <= state_->round) {
    state_->receipts.forget_from(round);
    state_->nonces.clear();
  }
  state_->receipts.trim_before(round);
  state_->round = round;
  state_->round_is_closed = false;
}

void Gate::close_round(Step round) {
  const std::lock_guard lock(state_->mutex);
  if (round == state_->round) state_->round_is_closed = true;
}

std::vector<FrameReceipt> Gate::receipts(Step round) const {
  const std::lock_guard lock(state_->mutex);
  return state_->receipts.of_round(round);
}

Status Gate::restore(const std::vector<Member>& members, const std::vector<FrameReceipt>& receipts,
                     Step current_round) {
  const std::lock_guard lock(state_->mutex);
  SHOAL_CHECK(state_->roster.members().empty(), "a gate is restored before anything has passed it");
  Roster roster(state_->settings.first_place, state_->settings.places);
  Receipts restored;
  for (Member member : members) {
    if (member.presence == Presence::kPresent) member.presence = Presence::kAbsent;
    if (roster.find(member.node) != nullptr)
      return corrupt(fmt::format("node {} stands twice among the members", member.node));
    if (const auto refusal = roster.place(member, state_->clock()))
      return corrupt(refusal->sentence);
  }
  for (const FrameReceipt& receipt : receipts) {
    if (roster.find(receipt.from) == nullptr)
      return corrupt(fmt::format("a receipt of node {}, which is no member", receipt.from));
    if (!restored.restore(receipt))
      return corrupt(fmt::format("two receipts of node {} for {} of round {}", receipt.from,
                                 tag_text(receipt.tag), receipt.receipt.round));
  }
  restored.trim_before(current_round);
  state_->roster = std::move(roster);
  state_->receipts = std::move(restored);
  state_->round = current_round;
  return ok_status();
}

std::vector<Member> Gate::members() const {
  const std::lock_guard lock(state_->mutex);
  return state_->roster.members();
}

std::size_t Gate::present() const {
  const std::lock_guard lock(state_->mutex);
  return state_->roster.present();
}

Step Gate::current_round() const {
  const std::lock_guard lock(state_->mutex);
  return state_->round;
}

}  // namespace shoal
