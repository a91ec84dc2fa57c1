// The attacks of a simulated run on what is sent: rewrites what reaches a receiver when it closes a
// round.
//
// Message attacks: a liar computes, encodes and sends like everybody else, so its bytes and its
// time are those of an honest node; only its rows are replaced, encoded by the same codec. The
// liars see the honest rows that meet at the same receiver, decoded, a peer's own among them: with
// a server the round's arrivals, in an all-gather everybody's, in gossip a neighbourhood's. Where
// all receivers of a round see the same rows they get the same forged ones. Liars among peers
// receive what honest ones do and keep what they computed: only what they send is forged, so in an
// all-gather their replicas part from those of the honest, and where peers remember what was sent
// (CHOCO-SGD, decentralized DIANA) so do those memories. With equivocate, receivers of odd id get
// the negative. A method may send rows in several places, or of several kinds, and the liars forge
// in all of them, each for itself: what they remember of one they do not use in another. In a round
// that the attack is not defined for (no honest row to see, more liars than its formula allows)
// honest rows stand; a row that no codec encodes (NaN, infinity) goes out empty, or raw where there
// is no codec, and receivers refuse it.
//
// Transit attacks act on every row that a receiver reads from others, whoever sent it: each
// receiver reads something else, so replicas that all-gathers keep equal part for good.
//
// A probing attack asks a fresh rule of the run's kind with the same seed, faults and weights: what
// the receiver's own remembers it does not know, nor what a codec will make of the forged rows.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "shoal/attack/attack.h"
#include "shoal/method/method.h"
#include "shoal/node/world.h"
#include "shoal/run/liars.h"

namespace shoal {

struct AdversaryPlan {
  std::vector<RowPlace> places;
  std::uint64_t seed = 1;
  std::shared_ptr<const Liars> liars;
  LyingRounds rounds;  // of values in transit; liars know theirs
  // Makes a message attack, or a transit attack.
  std::function<Result<std::unique_ptr<Attack>>()> make_attack;
  bool among_peers = false;  // receivers have rows of their own
  bool equivocate = false;
  std::function<Result<std::unique_ptr<Rule>>()> make_rule;  // for attacks that probe
  std::size_t declared_faults = 0;
};

class Adversary : public Interceptor {
 public:
  // make_attack has made one before.
  explicit Adversary(AdversaryPlan plan);
  void sent(NodeId from, const Frame& frame) override;
  void round_closed(NodeId receiver, std::vector<Message>& messages) override;

  // What the liars remember, for checkpoints.
  void save(ByteWriter& out) const;
  Status load(ByteReader& in);

 private:
  // The rows of a round that meet at a receiver.
  struct Meeting {
    explicit Meeting(AttackView knows) : view(std::move(knows)) {}
    std::vector<std::vector<float>> rows;
    std::vector<Message*> lying;  // the message of each of view.liars; null: the receiver's own row
    std::vector<double> honest_claims, liar_claims;
    std::span<const float> own;  // of the receiver; empty: none
    AttackView view;
  };
  // What all receivers of a round are sent where they see the same rows.
  struct Forged {
    Step round = 0;
    std::vector<std::uint32_t> honest, liars;
    std::vector<float> rows;
  };

  // One of the places, and what is remembered of it.
  struct Scene {
    RowPlace place;
    Purpose draws{};  // what the attack's random numbers are for
    // Of each receiver; one for all where they see the same rows.
    std::map<NodeId, std::unique_ptr<MessageAttack>> attacks;
    Forged forged;
    // What each peer sent last. Not saved: a program that catches up sends again.
    std::map<NodeId, Frame> own;

    // The finite row of a message, as its receiver reads it; false where it reads none.
    bool read(std::uint64_t seed, const Message& message, std::vector<float>& row) const;
    void write(std::uint64_t seed, std::span<const float> row, Message& message) const;
    double claim(const Message& message) const;
    Draws draws_of(std::uint64_t seed, const Message& message, std::size_t row) const;
  };

  void corrupt(const TransitAttack& attack, const Scene& scene, NodeId receiver,
               std::vector<Message>& messages) const;
  void forge(Scene& scene, NodeId receiver, std::vector<Message>& messages);
  Meeting meet(const Scene& scene, NodeId receiver, std::vector<Message>& messages) const;
  const std::vector<float>& forged_rows(Scene& scene, NodeId receiver, const Meeting& meeting);
  Probe probe_of(const Meeting& meeting) const;
  MessageAttack& attack_of(Scene& scene, NodeId receiver) const;

  AdversaryPlan plan_;
  std::unique_ptr<const Attack> first_;  // made with the plan: says which place it acts in
  std::vector<Scene> scenes_;            // of plan_.places
};

}  // namespace shoal
