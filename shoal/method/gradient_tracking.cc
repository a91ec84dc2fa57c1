// Gradient tracking (NEXT/DIGing; stochastic analysis 2202.03836):
//   x_i(t+1) = sum_j W_ij x_j(t) - lr y_i(t)
//   y_i(t+1) = sum_j W_ij y_j(t) + g_i(t+1) - g_i(t),   y_i(0) = g_i(0)
// The sum of the y equals the sum of the gradients at every step. Wire: 2d scalars per edge.
#include "shoal/graph/spectrum.h"
#include "shoal/method/entries.h"
#include "shoal/method/gossip.h"

namespace shoal {
namespace {

constexpr char kMemory[] =
    "gradient tracking needs the peer's own share of the tracked gradient: the shares of all must "
    "add up to the sum of the gradients, and nobody else remembers this one";

template <class Scalar>
class GradientTracking : public GossipVariant<Scalar> {
 public:
  std::span<const Scalar> outgoing(const Replica<Scalar>& replica) override {
    const auto& x = replica.parameters();
    const auto& g = replica.gradient();
    if (mixed_tracker_.empty()) {
      tracker_ = g;
    } else {
      tracker_.resize(g.size());
      for (std::size_t i = 0; i < g.size(); ++i)
        tracker_[i] = mixed_tracker_[i] + g[i] - last_gradient_[i];
    }
    last_gradient_ = g;
    sent_.assign(x.begin(), x.end());
    sent_.insert(sent_.end(), tracker_.begin(), tracker_.end());
    return sent_;
  }
  void absorb(Replica<Scalar>& replica, std::span<const Scalar> mix) override {
    const std::size_t d = mix.size() / 2;
    const auto rate = static_cast<Scalar>(replica.learning_rate(step_++));
    for (std::size_t i = 0; i < d; ++i) replica.parameters()[i] = mix[i] - rate * tracker_[i];
    mixed_tracker_.assign(mix.begin() + static_cast<std::ptrdiff_t>(d), mix.end());
  }
  void save(ByteWriter& out) const override {
    out.number<Step>(step_);
    out.numbers<Scalar>(mixed_tracker_);
    out.numbers<Scalar>(last_gradient_);
  }
  Status load(ByteReader& in) override {
    SHOAL_TRY(step_, in.number<Step>());
    SHOAL_TRY(mixed_tracker_, in.numbers<Scalar>());
    SHOAL_TRY(last_gradient_, in.numbers<Scalar>());
    return ok_status();
  }

 private:
  Step step_ = 0;
  std::vector<Scalar> tracker_;        // y_i(t), between outgoing() and absorb()
  std::vector<Scalar> mixed_tracker_;  // sum_j W_ij y_j(t)
  std::vector<Scalar> last_gradient_;
  std::vector<Scalar> sent_;
};

Status needs_symmetric(const MixingMatrix& mixing) {
  if (is_doubly_stochastic(mixing)) return ok_status();
  return invalid_argument(
      "gradient tracking needs a doubly stochastic mixing matrix, and that of the " +
      mixing.topology + " is not; use metropolis_hastings");
}

Result<std::unique_ptr<Method>> make_tracking(const GossipSettings& settings) {
  if (settings.optimizer.optimizer != LocalOptimizerKind::kSgd)
    return unsupported("gradient tracking sends gradients, not updates; use optimizer = \"sgd\"");
  return make_gossip(settings, gossip_kind<GradientTracking>(&needs_symmetric, kMemory, 2));
}

}  // namespace

CatalogueEntry<Method> gradient_tracking_entry() {
  return catalogue_entry<Method, GossipSettings>(
      "gradient_tracking", "gossip that also averages an estimate of the common gradient",
      "2202.03836", &make_tracking);
}

}  // namespace shoal
