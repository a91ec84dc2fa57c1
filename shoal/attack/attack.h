// Attacks: what the liars of a run do. They act in one of four places:
//
//   LocalAttack     their own data and their local training (local_attack.h)
//   MessageAttack   the outgoing messages of a colluding set that sees the honest ones
//   TransitAttack   single values on their way to a receiver; no node lies
//   and different content to different receivers: a message attack with equivocate = true
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "shoal/base/bytes.h"
#include "shoal/base/catalogue.h"
#include "shoal/base/random.h"
#include "shoal/base/result.h"

namespace shoal {

class Attack {
 public:
  virtual ~Attack() = default;
  // Error when the attack is not defined for that many honest rows and liars. Called before a run
  // with the expected numbers and again every round; what follows may rely on it.
  virtual Status check(std::size_t honest, std::size_t liars) const;
};

// What a receiver's rule would make of the round if the liars sent these rows, one each in their
// order. An error where the rule is not defined.
using Probe =
    std::function<Status(std::span<const std::span<const float>> liar_rows, std::span<float> out)>;

// What the liars know when a receiver closes a round: every honest row that meets at this receiver
// (the omniscient worst case).
struct AttackView {
  std::vector<std::span<const float>> honest =
      {};                                        // rows as sent, decoded, by increasing sender id
  std::vector<std::span<const float>> own = {};  // what each liar would have sent honestly
  std::vector<std::uint32_t> liars = {};         // their sender ids, increasing
  std::vector<std::uint32_t> honest_senders = {};
  std::uint32_t receiver = 0;
  std::uint32_t round = 0;
  RandomStream stream;
  Probe probe = {};  // for attacks that ask for it
  std::vector<std::uint32_t> liar_numbers = {};  // the place of each among all liars of the run

  std::size_t dimension() const { return own.empty() ? 0 : own.front().size(); }
};

class MessageAttack : public Attack {
 public:
  // Whether it needs AttackView::probe.
  virtual bool probes() const { return false; }
  // Writes liars.size() rows, one after another, to `out`. Rounds of one receiver come in order.
  virtual void forge(const AttackView& view, std::span<float> out) = 0;
  // What it remembers across rounds; most attacks remember nothing.
  virtual void save(ByteWriter&) const {}
  virtual Status load(ByteReader&) { return ok_status(); }
};

// Faulty memory or links (generalised Byzantine failures, 1802.10116): values of any sender's row
// change between a sender's word and what its receiver reads.
class TransitAttack : public Attack {
 public:
  // Error when it is not defined for rows of that length.
  virtual Status check_dimension(std::size_t dimension) const = 0;
  // Changes the rows that reach one receiver in one round, of equal length and at least one.
  virtual void corrupt(std::span<const std::span<float>> rows, std::uint64_t seed,
                       std::uint32_t receiver, std::uint32_t round) const = 0;
};

// All attacks by name (catalogue.cc).
const Catalogue<Attack>& attacks();

}  // namespace shoal
