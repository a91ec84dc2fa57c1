// CHOCO-SGD (Koloskova, Stich, Jaggi 2019, arXiv 1902.00340; deep networks: 1907.09356): gossip SGD
// that converges with any contractive codec.
//
//   half_i = x_i + update_i                       update = -lr g, or what momentum makes of g
//   q_i = Q(half_i - copy_i)                      sent
//   copy_i <- copy_i + q_i                        known to i and to its neighbours
//   x_i <- half_i + gamma sum_j W_ij (copy_j - copy_i)
//
// with every copy 0 at the start. The order is that of the papers' text (new copies are mixed). A
// peer keeps its own copy and the sum over its neighbours, 2 d scalars. gamma = 0 stands for the
// step that the theory allows, with rho the spectral gap, B = ||I - W|| and delta the contraction,
//   gamma = rho^2 delta / (16 rho + rho^2 + 4 B^2 + 2 rho B^2 - 8 rho delta);
// tuned steps are a hundred to a thousand times that. gamma = 1 without losses is D-PSGD, adapt
// then combine.
//
// Why lost messages end it, the wire and the cost: difference_gossip.h.
#include "shoal/method/choco.h"

#include <fmt/format.h>

#include "shoal/graph/spectrum.h"
#include "shoal/method/difference_gossip.h"
#include "shoal/method/entries.h"

namespace shoal {
namespace {

constexpr char kMemory[] =
    "CHOCO-SGD needs the sum of the neighbours' public copies, which have been built up message by "
    "message since the first step";

struct ChocoSettings {
  GossipSettings gossip;
  double consensus_step = 0.0;
};
void describe(Settings& s, ChocoSettings& v) {
  describe(s, v.gossip);
  s.real("consensus_step", v.consensus_step,
         "gamma: share of the way to the neighbours' copies; 0: what the theory allows, a "
         "hundredth or "
         "less of what tuning finds",
         {.range = at_least(0).up_to(1), .paper = "1902.00340"});
}

template <class Scalar>
class Choco : public DifferenceVariant<Scalar> {
 public:
  explicit Choco(double consensus_step) : consensus_step_(static_cast<Scalar>(consensus_step)) {}

  std::span<const Scalar> difference(const Replica<Scalar>& replica) override {
    const std::size_t d = replica.parameters().size();
    if (copy_.empty()) {
      copy_.assign(d, Scalar{0});
      apart_.assign(d, Scalar{0});
    }
    half_.resize(d);
    difference_.resize(d);
    for (std::size_t i = 0; i < d; ++i) {
      half_[i] = replica.parameters()[i] + replica.update()[i];
      difference_[i] = half_[i] - copy_[i];
    }
    return difference_;
  }
  void absorb(Replica<Scalar>& replica, std::span<const Scalar> sent,
              std::span<const Scalar> pull) override {
    for (std::size_t i = 0; i < copy_.size(); ++i) {
      copy_[i] += sent[i];
      apart_[i] += pull[i];
      replica.parameters()[i] = half_[i] + consensus_step_ * apart_[i];
    }
  }
  void save(ByteWriter& out) const override {
    out.numbers<Scalar>(copy_);
    out.numbers<Scalar>(apart_);
  }
  Status load(ByteReader& in) override {
    SHOAL_TRY(copy_, in.numbers<Scalar>());
    SHOAL_TRY(apart_, in.numbers<Scalar>());
    return ok_status();
  }

 private:
  Scalar consensus_step_;
  std::vector<Scalar> copy_;
  std::vector<Scalar> apart_;  // sum_j W_ij (copy_j - copy_i)
  std::vector<Scalar> half_;
  std::vector<Scalar> difference_;
};

Result<double> consensus_step_of(const ChocoSettings& settings, double contraction,
                                 const MixingMatrix& mixing) {
  if (settings.consensus_step > 0.0) return settings.consensus_step;
  SHOAL_TRY(const Spectrum eigen, spectrum(mixing));
  return choco_consensus_step(eigen.gap, 1.0 - eigen.smallest, contraction);
}

Result<std::unique_ptr<Method>> make_choco(const ChocoSettings& settings) {
  DifferencePlanner planner = [settings](const CodecProperties& codec,
                                         const MixingMatrix& mixing) -> Result<DifferencePlan> {
    const double contraction = codec.lossless ? 1.0 : codec.contraction.value_or(0.0);
    if (contraction <= 0.0)
      return unsupported(
          "CHOCO-SGD needs a contractive codec, E||Q(v) - v||^2 <= (1 - delta) ||v||^2, and this "
          "one can make a difference larger than it was; use top_k or rand_k with scaled = false, "
          "or the method decentralized_diana, which takes unbiased codecs");
    SHOAL_TRY(const double step, consensus_step_of(settings, contraction, mixing));
    return difference_plan<Choco>(mixing, step);
  };
  return make_difference_gossip(settings.gossip, std::move(planner), kMemory);
}

}  // namespace

double choco_consensus_step(double gap, double width, double contraction) {
  return gap * gap * contraction /
         (16.0 * gap + gap * gap + 4.0 * width * width + 2.0 * gap * width * width -
          8.0 * gap * contraction);
}

CatalogueEntry<Method> choco_entry() {
  return catalogue_entry<Method, ChocoSettings>(
      "choco", "gossip SGD with any contractive codec: differences to public copies",
      "1902.00340, 1907.09356", &make_choco);
}

}  // namespace shoal
