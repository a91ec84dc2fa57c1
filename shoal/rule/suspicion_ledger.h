// MUD-HoG's memory of whom it suspected (Gupta et al. 2022, 2208.10273, section 4.4; details as in
// the authors' code): who is confirmed to lie, and who is merely unreliable.
//
// For every sender a count of consecutive rounds under suspicion. In such a round, once the count
// has reached delta, a sender suspected of sign flips or noise is confirmed as that; once it has
// reached 2 delta, one suspected of targeted lies. A round without suspicion sets the count to 0,
// and lifts all confirmations if it was 0 already. A confirmed noise sender whose count is set to 0
// so for the delta-th time becomes unreliable instead.
//
// Unreliability counts up in a round that finds the sender unreliable and down in one that does
// not, is confirmed above delta and released at 0.
#pragma once

#include <map>
#include <span>
#include <vector>

#include "shoal/base/bytes.h"
#include "shoal/rule/rule.h"

namespace shoal {

// Senders suspected in one round; a sender may be in several.
struct RoundSuspicion {
  std::vector<std::uint32_t> sign_flip, noise, targeted;
};

class SuspicionLedger {
 public:
  explicit SuspicionLedger(std::uint32_t delay) : delay_(delay) {}

  // What a round found about the senders that took part.
  void record(std::span<const std::uint32_t> senders, const RoundSuspicion& suspicion);
  // Of the senders whose reliability a round looked at, those that it found unreliable.
  void record_unreliable(std::span<const std::uint32_t> examined,
                         std::span<const std::uint32_t> unreliable);

  bool confirmed(std::uint32_t sender, SuspectKind kind) const;
  // Confirmed to lie in some way.
  bool malicious(std::uint32_t sender) const;
  // All confirmations, by sender and kind.
  std::vector<Suspect> suspects() const;

  void save(ByteWriter& out) const;
  Status load(ByteReader& in);

 private:
  struct Standing {
    std::uint32_t rounds_suspected = 0;
    std::uint32_t noise_stopped = 0;  // times a confirmed noise sender came clean
    std::uint32_t unreliable_rounds = 0;
    bool confirmed[4] = {};  // by SuspectKind
    bool& is(SuspectKind kind) { return confirmed[static_cast<std::size_t>(kind)]; }
  };
  void clear_round(Standing& standing) const;

  std::uint32_t delay_;
  std::map<std::uint32_t, Standing> standings_;
};

}  // namespace shoal
