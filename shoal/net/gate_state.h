// What a gate is made of: its checks, and the state that they look at. Private to gate.cc and
// gate_checks.cc.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "shoal/net/gate.h"
#include "shoal/net/key_cache.h"
#include "shoal/net/nonce_window.h"

namespace shoal {

struct Gate::State {
  using Known = std::shared_ptr<const KnownKey>;

  State(GateSettings settings, ContentCheck check, Clock clock, WallClock wall_clock)
      : settings(std::move(settings)),
        check(std::move(check)),
        clock(std::move(clock)),
        wall_clock(std::move(wall_clock)),
        roster(this->settings.first_place, this->settings.places) {}

  // Without the lock.
  std::variant<Known, Refusal> authenticate(const PeerIdentity& peer);
  std::optional<Refusal> check_proof(const KnownKey& known, const FrameHead& head,
                                     bool expires) const;
  std::optional<Refusal> examine(const PeerIdentity& peer, const FrameHead& head, bool expires);
  std::optional<Refusal> check_content(const FrameHead& head, const Frame& body) const;
  void emit(const PeerIdentity& peer, GateEvent::Kind kind, const Member& member) const;
  // `node`: who it claims to be, if it has said so.
  Refusal refuse(const PeerIdentity& peer, std::optional<NodeId> node, Refusal refusal,
                 const FrameHead* head = nullptr) const;

  // Under the lock.
  std::optional<Refusal> check_sender(const PeerIdentity& peer, NodeId node) const;
  std::optional<Refusal> check_place(const FrameHead& head) const;
  std::optional<Refusal> check_received(const FrameHead& head) const;
  std::optional<Refusal> check_state(const FrameHead& head, double now_s);
  std::string describe(const PeerIdentity& peer, const FrameHead& head) const;

  const GateSettings settings;
  const ContentCheck check;
  const Clock clock;
  const WallClock wall_clock;
  std::function<void(const GateEvent&)> on_event;
  Revoked revoked;
  KeyCache keys;

  mutable std::mutex mutex;
  Roster roster;
  Receipts receipts;
  NonceWindow nonces;
  Step round = 0;
  bool round_is_closed = false;
};

}  // namespace shoal
