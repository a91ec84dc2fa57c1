// D2 (Tang et al. 2018, 1803.07068) in its correction form, which allows schedules and optimizers:
//   x_i(t+1) = sum_j W_ij (x_j + update_j + c_j),   c_i <- x_i(t+1) - x_i(t) - update_i,  c(0) = 0.
// With plain SGD this is X(t+1) = W(2 X(t) - X(t-1) - lr (G(t) - G(t-1))). W must be symmetric with
// smallest eigenvalue above -1/3; (W+I)/2 always is. Wire: d scalars per directed edge.
#include "shoal/graph/spectrum.h"
#include "shoal/method/entries.h"
#include "shoal/method/gossip.h"

namespace shoal {
namespace {

constexpr char kMemory[] =
    "D2 corrects each step by the one before it, which only the peer itself remembers";

template <class Scalar>
class D2 : public GossipVariant<Scalar> {
 public:
  std::span<const Scalar> outgoing(const Replica<Scalar>& replica) override {
    const auto& x = replica.parameters();
    if (correction_.empty()) correction_.assign(x.size(), Scalar{0});
    sent_.resize(x.size());
    for (std::size_t i = 0; i < x.size(); ++i)
      sent_[i] = x[i] + replica.update()[i] + correction_[i];
    return sent_;
  }
  void absorb(Replica<Scalar>& replica, std::span<const Scalar> mix) override {
    auto& x = replica.parameters();
    for (std::size_t i = 0; i < x.size(); ++i) {
      correction_[i] = mix[i] - x[i] - replica.update()[i];
      x[i] = mix[i];
    }
  }
  void save(ByteWriter& out) const override { out.numbers<Scalar>(correction_); }
  Status load(ByteReader& in) override {
    SHOAL_TRY(correction_, in.numbers<Scalar>());
    return ok_status();
  }

 private:
  std::vector<Scalar> correction_;
  std::vector<Scalar> sent_;
};

Result<std::unique_ptr<Method>> make_d2(const GossipSettings& settings) {
  return make_gossip(settings, gossip_kind<D2>(&check_d2, kMemory));
}

}  // namespace

CatalogueEntry<Method> d2_entry() {
  return catalogue_entry<Method, GossipSettings>(
      "d2", "gossip SGD without the bias of different data", "1803.07068", &make_d2);
}

}  // namespace shoal
