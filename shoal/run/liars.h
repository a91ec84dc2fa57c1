// Who lies in a run, and when: a fixed set of workers, or one drawn anew every round.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "shoal/base/ids.h"

namespace shoal {

// Which of the workers first..first+count-1 lie: a uniform draw keyed by the seed, increasing.
std::vector<NodeId> draw_liars(std::uint64_t seed, NodeId first, std::size_t count,
                               std::size_t liars);

// The rounds in which an attack is mounted: from, from + every, from + 2 every, ...
struct LyingRounds {
  Step from = 0;
  Step every = 1;

  bool contains(Step round) const { return round >= from && (round - from) % every == 0; }
  bool all() const { return from == 0 && every == 1; }
};

// One that moves is not for several threads at once.
class Liars {
 public:
  using Senders = std::function<std::vector<NodeId>(Step round)>;

  // The same ones in every round, increasing.
  explicit Liars(std::vector<NodeId> fixed, LyingRounds when = {})
      : when_(when), now_(std::move(fixed)) {}
  // `count` of those who send in a round (increasing; all of them where they are fewer), drawn anew
  // for every round: mobile liars, as in SLSGD (1903.06996) and DETOX.
  Liars(std::uint64_t seed, std::size_t count, Senders senders, LyingRounds when = {})
      : when_(when), seed_(seed), count_(count), senders_(std::move(senders)) {}

  // Nobody outside the attack's rounds.
  const std::vector<NodeId>& in_round(Step round) const;
  bool lies(NodeId node, Step round) const;
  // The place of one who lies among all of them.
  std::size_t number(NodeId node, Step round) const;

 private:
  LyingRounds when_;
  std::uint64_t seed_ = 0;
  std::size_t count_ = 0;
  Senders senders_;  // none: fixed
  // Of the round asked for last.
  mutable std::vector<NodeId> now_;
  mutable Step round_ = 0;
  mutable bool drawn_ = false;
};

}  // namespace shoal
