// Gate: decides who joins and which frames reach the nodes behind it. Everything a transport takes
// from outside passes here first; what is refused changes no state but counters and the audit log.
//
//   join(peer, candidate)         name, place, key
//   check_head(peer, head)        before a byte of the body is taken: identity, run, receiver,
//                                 round, declared size, proof, replay
//   check_body(peer, head, body)  digest, frame header, then the method's own check: shapes, types,
//                                 finiteness, norm, weight; on success the receipt
//
// One update per client, tag and round is received, for ever: the same body again is answered with
// its first receipt (ALREADY_EXISTS), another body is refused and both digests are noted. Nothing
// is reserved while a body is on its way, so an upload that breaks off leaves nothing behind: of
// two uploads under one key the first to pass check_body wins, the other is then told so. For the
// same reason a nonce counts as used with the receipt, and a frame may be sent again as it was.
//
// check_body repeats the checks of the head (but the expiry: an upload may take longer than a proof
// lives), so it trusts no transport to have asked; that costs a second verification. A frame with a
// proof costs 150 us in all, and its digest.
//
// Thread-safe: transports call it from any thread. Digests, signatures, the content check and what
// was set as `revoked` run outside the lock.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "shoal/base/result.h"
#include "shoal/net/envelope.h"
#include "shoal/net/limits.h"
#include "shoal/net/receipts.h"
#include "shoal/net/roster.h"

namespace shoal {

// What a transport knows about the other end of a connection.
struct PeerIdentity {
  std::string address;     // "ipv4:127.0.0.1:4711", for logs
  bool certified = false;  // it showed a certificate that our CA signed
  std::string name;        // of that certificate
  Digest key{};            // SHA-256 of its public key (SubjectPublicKeyInfo, DER)
  std::string certificate_pem;
};

// What the gate tells its owner, for counters and the audit log; called without the lock.
struct GateEvent {
  enum class Kind : std::uint8_t { kJoined, kReturned, kLeft, kAbsent, kReceived, kRefused };
  Kind kind = Kind::kRefused;
  std::string name;     // escaped: only [a-z0-9-], or empty
  std::string address;  // of the connection
  NodeId node = 0;
  std::uint64_t bytes = 0;
  std::optional<Refusal> refusal;
  std::string detail;  // "round 3, update, sha256 ab12..., first seen cd34..."
};

struct GateSettings {
  std::string run;     // id of the run
  std::string server;  // our own name, which proofs are addressed to
  bool certificates = false;
  NodeId self = 0;         // frames must be for this node
  NodeId first_place = 1;  // ids of members
  std::size_t places = 0;
  std::uint64_t frame_bytes_max = 0;
  // Rows a member may register: they bound the weight it can claim.
  std::uint64_t rows_max = kRegisteredRowsMax;
  // A server takes frames of its current round only; peers run ahead of each other.
  bool only_current_round = true;
};

class Gate {
 public:
  // The method's check of a message: an error's sentence goes back to the sender.
  using ContentCheck = std::function<Status(const Message&, const Member& sender)>;
  using Clock = std::function<double()>;               // monotonic seconds
  using WallClock = std::function<std::int64_t()>;     // unix seconds, for proofs only
  using Revoked = std::function<bool(const Digest&)>;  // of a key

  Gate(GateSettings settings, ContentCheck check, Clock clock, WallClock wall_clock);
  ~Gate();

  // Both are set before a transport starts, and are called from any thread.
  void on_event(std::function<void(const GateEvent&)> on_event);
  void set_revoked(Revoked revoked);

  // `candidate`: name, rows, address. Its key is taken from the peer.
  std::variant<Member, Refusal> join(const PeerIdentity& peer, Member candidate);
  // Peers learn of each other from the server. What does not fit the roster is refused by an event.
  void introduce(const Member& member);
  std::optional<Refusal> leave(const PeerIdentity& peer, NodeId node);
  // Any call of a member counts as a sign of life; refuses strangers, as does every check below.
  std::optional<Refusal> heard(const PeerIdentity& peer, NodeId node);
  // Whether the peer may still be who it was: for streams that stay open for long. No sign of life.
  std::optional<Refusal> still_admitted(const PeerIdentity& peer) const;
  std::optional<Refusal> check_head(const PeerIdentity& peer, const FrameHead& head);
  // `body` must hold head.size_bytes bytes. The frame may be delivered when a receipt comes back.
  std::variant<Receipt, Refusal> check_body(const PeerIdentity& peer, const FrameHead& head,
                                            const Frame& body);
  // The frame just received could not be delivered for want of memory: it may be sent again.
  void withdraw(const FrameHead& head);
  // The receipt of an ALREADY_EXISTS refusal.
  std::optional<Receipt> receipt_of(NodeId from, Tag tag, Step round) const;
  void refused(const PeerIdentity& peer, NodeId node, Refusal refusal);  // by a transport itself
  std::vector<NodeId> mark_silent();

  // The current round, 0 at first. Going back repeats a round: its receipts and those of later ones
  // are forgotten, and with them the nonces, so that members can send again what they sent.
  void open_round(Step round);
  // The round takes nothing more: what comes now is answered "round_closed".
  void close_round(Step round);
  // Receipts of this round, by sender: what a commit record holds.
  std::vector<FrameReceipt> receipts(Step round) const;
  // After a restart, on a gate that nothing has passed: the members, absent until they are heard,
  // and the receipts of committed rounds. Fails when they contradict each other or the settings.
  Status restore(const std::vector<Member>& members, const std::vector<FrameReceipt>& receipts,
                 Step current_round);

  std::vector<Member> members() const;
  std::size_t present() const;
  Step current_round() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace shoal
