// Gossip: every peer computes on its own data and averages with its neighbours, step by step.
//
// One skeleton; a variant says what a peer sends after its gradient and what it makes of the mix
//   mix_i = sum_j W_ij sent_j   (own share included).
// D-PSGD (1705.09056), gradient tracking (2202.03836), D2 (1803.07068) are variants: see the files
// beside this one. A message that does not come is made up for by renormalising over the weights
// that did; that breaks double stochasticity, and the step is counted in the ledger.
//
// A [codec] may only round (casts; row_format.h). A lossy one would add an error in proportion to
// the models, step after step, and no step size makes it vanish: choco and decentralized_diana send
// differences instead. With Q what receivers read of a vector, a peer mixes
//   mix_i = sent_i + sum_j W_ij (Q(sent_j) - Q(sent_i)),
// so that, when W is doubly stochastic, the roundings cancel in the mean over the peers: it moves
// by the mean update alone, and D2, whose mean is a double integrator, does not drift.
//
// With a [rule] a peer of a variant that sends its model mixes by it instead of the matrix: over
// its own row, which the rule may trust, and those of the neighbours that came (MoNNA, 2209.10931).
// It may go on as soon as `wait_for` neighbours are heard, since liars may be silent. When too few
// came for the rule, it keeps its own row, and the ledger counts it as unmixed.
//
// A newcomer (node/newcomer.h) says of the steps it has missed that it is absent, which counts as a
// message that does not come, but need not be waited for. Then it mixes like everybody.
//
// Wire, per directed edge and step: what the variant sends (1 or 2 rows of d scalars, or as many
// rows as the codec writes them), 32 bytes of frame.
// Cost per step: one gradient, and d per neighbour.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "shoal/method/method.h"
#include "shoal/method/replica.h"

namespace shoal {

struct GossipSettings {
  std::int64_t steps = 600;
  std::int64_t batch = 16;
  std::int64_t wait_for = 0;  // neighbours; 0: all
  OptimizerSettings optimizer;
};
void describe(Settings& s, GossipSettings& v);

template <class Scalar>
class GossipVariant : public Persistent {
 public:
  // What this peer sends at this step, GossipKind::rows rows of the model's shape; its replica
  // holds the fresh gradient and update.
  virtual std::span<const Scalar> outgoing(const Replica<Scalar>& replica) = 0;
  // Sets the replica's parameters from the mix of what was sent (same length).
  virtual void absorb(Replica<Scalar>& replica, std::span<const Scalar> mix) = 0;
  // Most variants carry nothing from step to step.
  void save(ByteWriter&) const override {}
  Status load(ByteReader&) override { return ok_status(); }
};

// A variant by name: how to make it in both precisions, and what it asks of the mixing matrix.
struct GossipKind {
  std::unique_ptr<GossipVariant<float>> (*in_float)() = nullptr;
  std::unique_ptr<GossipVariant<double>> (*in_double)() = nullptr;
  Status (*check)(const MixingMatrix& mixing) = nullptr;  // null: anything goes
  // What a peer knows that no newcomer can be told, as a sentence; null: its replica is all.
  const char* memory = nullptr;
  std::size_t rows = 1;  // that it sends in a step, 1 or 2
  // Whether a rule may stand in for the matrix: where what is sent is a model, and nothing that is
  // kept from step to step relies on the weights.
  bool takes_rule = false;
  bool needs_rule = false;
};

// An entry of the method catalogue for a variant class template.
template <template <class> class Variant>
GossipKind gossip_kind(Status (*check)(const MixingMatrix&) = nullptr, const char* memory = nullptr,
                       std::size_t rows = 1) {
  GossipKind kind;
  kind.in_float = [] { return std::unique_ptr<GossipVariant<float>>(new Variant<float>()); };
  kind.in_double = [] { return std::unique_ptr<GossipVariant<double>>(new Variant<double>()); };
  kind.check = check;
  kind.memory = memory;
  kind.rows = rows;
  return kind;
}
std::unique_ptr<Method> make_gossip(const GossipSettings& settings, const GossipKind& kind);

// The mix: own_weight * own + sum of weight_j * received_j, divided by the weights that came.
// `received[k]` is the vector of mixing row entry k, or empty when it did not come.
template <class Scalar>
void mix_received(double own_weight, std::span<const Scalar> own,
                  std::span<const MixingMatrix::Weight> row,
                  std::span<const std::span<const Scalar>> received, std::span<Scalar> out);

}  // namespace shoal
