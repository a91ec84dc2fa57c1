// D-PSGD (Lian et al. 2017, 1705.09056), in both orders:
//   adapt then combine   x_i <- sum_j W_ij (x_j + update_j)
//   combine then adapt   x_i <- sum_j W_ij x_j + update_i(x_i)   (the paper's form)
// update = -lr g, or what a local momentum buffer makes of g. Wire: d scalars per directed edge.
//
// MoNNA (Farhadkhani et al. 2023, 2209.10931) is the first with dampened momentum and, in place of
// W, a rule that trusts the own row: the mean of the nearest models among those that came.
#include "shoal/method/entries.h"
#include "shoal/method/gossip.h"

namespace shoal {
namespace {

template <class Scalar>
class AdaptThenCombine : public GossipVariant<Scalar> {
 public:
  std::span<const Scalar> outgoing(const Replica<Scalar>& replica) override {
    half_step_ = replica.parameters();
    for (std::size_t i = 0; i < half_step_.size(); ++i) half_step_[i] += replica.update()[i];
    return half_step_;
  }
  void absorb(Replica<Scalar>& replica, std::span<const Scalar> mix) override {
    replica.parameters().assign(mix.begin(), mix.end());
  }

 private:
  std::vector<Scalar> half_step_;
};

template <class Scalar>
class CombineThenAdapt : public GossipVariant<Scalar> {
 public:
  std::span<const Scalar> outgoing(const Replica<Scalar>& replica) override {
    return replica.parameters();
  }
  void absorb(Replica<Scalar>& replica, std::span<const Scalar> mix) override {
    for (std::size_t i = 0; i < mix.size(); ++i)
      replica.parameters()[i] = mix[i] + replica.update()[i];
  }
};

template <template <class> class Variant>
GossipKind with_rules() {
  GossipKind kind = gossip_kind<Variant>();
  kind.takes_rule = true;
  return kind;
}

Result<std::unique_ptr<Method>> make_dpsgd(const GossipSettings& settings) {
  return make_gossip(settings, with_rules<AdaptThenCombine>());
}
Result<std::unique_ptr<Method>> make_dpsgd_combine_first(const GossipSettings& settings) {
  return make_gossip(settings, with_rules<CombineThenAdapt>());
}
Result<std::unique_ptr<Method>> make_monna(const GossipSettings& settings) {
  GossipKind kind = with_rules<AdaptThenCombine>();
  kind.needs_rule = true;
  return make_gossip(settings, kind);
}

}  // namespace

CatalogueEntry<Method> dpsgd_entry() {
  return catalogue_entry<Method, GossipSettings>(
      "dpsgd", "gossip SGD: step, then average with the neighbours", "1705.09056", &make_dpsgd);
}
CatalogueEntry<Method> monna_entry() {
  GossipSettings settings;
  settings.optimizer.optimizer = LocalOptimizerKind::kDampened;
  return catalogue_entry<Method, GossipSettings>(
      "monna", "robust gossip: step with momentum, then the mean of the nearest models",
      "2209.10931", &make_monna, settings);
}
CatalogueEntry<Method> dpsgd_combine_first_entry() {
  return catalogue_entry<Method, GossipSettings>("dpsgd_combine_first",
                                                 "gossip SGD as in the paper: average, then step",
                                                 "1705.09056", &make_dpsgd_combine_first);
}

}  // namespace shoal
