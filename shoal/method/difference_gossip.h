// Gossip of compressed differences: every peer keeps a public copy of a vector, which its
// neighbours know as well as it does, and sends only Q(vector - copy), through any [codec].
//
//   v_i = target_i - copy_i,   q_i = Q(v_i) to all neighbours,   pull_i = sum_j w_ij (q_j - q_i)
//
// A variant says what the target is and what becomes of q_i and pull_i: CHOCO-SGD (choco.cc) and
// decentralized_diana.h. No peer stores the copies of others: the weighted sum of their distances
// to its own moves by the pull. The weights are those of the [mixing], which must be symmetric and
// the same in every step. Each peer uses its own q_i as its neighbours decode it.
//
// Lost messages: a q_j that only some neighbours have added makes their sums differ for ever, and
// nobody would notice. So a peer to which one does not come within the patience ends there, having
// moved nothing; the ledger's line of that step says `abandoned`, and its neighbours follow. For
// networks that lose frames these methods need a transport that repeats them (gRPC and MPI do).
// Messages that grow without bound end a peer in the same way, as `diverged`.
//
// Wire, per directed edge and step: one encoded row (d raw scalars without a codec), 32 bytes of
// frame. Cost per step: one gradient, one encoding, and a decoding and d per neighbour.
#pragma once

#include <functional>
#include <memory>
#include <span>

#include "shoal/method/gossip.h"

namespace shoal {

template <class Scalar>
class DifferenceVariant : public Persistent {
 public:
  // v_i, of the length of the parameters; the replica holds the fresh gradient and update.
  virtual std::span<const Scalar> difference(const Replica<Scalar>& replica) = 0;
  // The step's end, with q_i and pull_i.
  virtual void absorb(Replica<Scalar>& replica, std::span<const Scalar> sent,
                      std::span<const Scalar> pull) = 0;
};

// What a variant makes of the parts of a run.
struct DifferencePlan {
  MixingMatrix weights;  // only those of neighbours count
  std::function<std::unique_ptr<DifferenceVariant<float>>()> in_float;
  std::function<std::unique_ptr<DifferenceVariant<double>>()> in_double;
};
template <template <class> class Variant, class Constants>
DifferencePlan difference_plan(const MixingMatrix& weights, const Constants& constants) {
  DifferencePlan plan;
  plan.weights = weights;
  plan.in_float = [constants] { return std::make_unique<Variant<float>>(constants); };
  plan.in_double = [constants] { return std::make_unique<Variant<double>>(constants); };
  return plan;
}
// Refuses a codec (a lossless one when the run has none) or weights that do not fit.
using DifferencePlanner =
    std::function<Result<DifferencePlan>(const CodecProperties& codec, const MixingMatrix& mixing)>;

// `memory`: what no newcomer can be told, as a sentence.
std::unique_ptr<Method> make_difference_gossip(const GossipSettings& settings,
                                               DifferencePlanner planner, const char* memory);

// Watches the size of what a peer sends. Differences shrink or stay; steps that are too large make
// them grow, slowly at first.
class GrowthWatch : public Persistent {
 public:
  // In a run of n nodes what is normal is learnt in the first 4 n steps, in which news of each
  // node has gone round.
  explicit GrowthWatch(std::size_t nodes) : learning_steps_(4 * nodes) {}

  // Whether this norm is no number, or kGrowthMax times the largest that was normal.
  bool is_too_large(Step step, double squared_norm);

  void save(ByteWriter& out) const override { out.number<double>(largest_); }
  Status load(ByteReader& in) override;

  static constexpr double kGrowthMax = 1e6;

 private:
  std::size_t learning_steps_;
  double largest_ = 0.0;  // squared norm of the first steps
};

}  // namespace shoal
