// RelaySum (arXiv 2110.04175): what one worker knows of the sums that travel over one tree.
//
// Worker i holds, for every neighbour j, the last message m_{j->i} and its count c_{j->i}. With
// own value h_i, the message to j relays the memories of the step before:
//   m_{i->j} = h_i + sum_{k != j} m_{k->i},   c_{i->j} = 1 + sum_{k != j} c_{k->i}.
// After receiving, with s = sum_j c_{j->i}:
//   x_i = [ (n - s) h_i + sum_j m_{j->i} ] / n       (fallback own; others fill the n - s missing
//                                                     shares differently).
// A lost message leaves no memory: value and count go together. Time O(degree * d): the total is
// computed once, and each target's own memory is subtracted from it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "shoal/base/ids.h"
#include "shoal/node/world.h"

namespace shoal {

enum class RelayFallback {
  kOwn,         // the worker's own value stands in for what has not arrived
  kRefInitial,  // the common start does
  kRefLast,     // the worker's last average does
  kCounts,      // divide by what has arrived
};

template <class Scalar>
class Relay : public Persistent {
 public:
  // workers: n of the tree; neighbors: of this worker, increasing.
  Relay(std::size_t workers, std::span<const NodeId> neighbors, std::size_t dimension);

  // Begins a step with own value h: relays what the step before left.
  void begin(std::span<const Scalar> own);
  // What neighbour number k is sent.
  void outgoing(std::size_t k, std::span<Scalar> sum, std::uint64_t& count) const;
  // What neighbour number k sent; forget(k) when it did not come.
  void accept(std::size_t k, std::span<const Scalar> sum, std::uint64_t count);
  void forget(std::size_t k);

  // s, the number of other workers' values in the memories.
  std::uint64_t arrived() const;
  // The average over all n workers. `reference` fills the missing shares in the two ref modes.
  void average(RelayFallback fallback, std::span<const Scalar> own,
               std::span<const Scalar> reference, std::span<Scalar> out) const;
  // (own + sum of memories) / n, for relayed updates, where a missing one counts as zero.
  void average_updates(std::span<const Scalar> own, std::span<Scalar> out) const;

  void save(ByteWriter& out) const override;
  Status load(ByteReader& in) override;

 private:
  std::size_t workers_;
  std::size_t dimension_;
  std::vector<std::vector<Scalar>> sums_;  // of each neighbour; zeros when nothing came
  std::vector<std::uint64_t> counts_;
  std::vector<std::vector<Scalar>> last_sums_;  // what is being relayed in this step
  std::vector<std::uint64_t> last_counts_;
  std::vector<Scalar> total_;  // h + all of last_sums_
  std::uint64_t total_count_ = 1;
};

}  // namespace shoal
