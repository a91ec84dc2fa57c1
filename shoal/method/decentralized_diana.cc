#include "shoal/method/decentralized_diana.h"

#include <fmt/format.h>

#include "shoal/graph/spectrum.h"
#include "shoal/method/entries.h"

namespace shoal {

template <class Scalar>
void DecentralizedDiana<Scalar>::begin(const Replica<Scalar>& replica) {
  const std::vector<Scalar>& x = replica.parameters();
  dual_.assign(x.size(), Scalar{0});
  apart_.assign(x.size(), Scalar{0});
  shift_ = x;
  if (constants_.shift_rate == 0.0) shift_.assign(x.size(), Scalar{0});
}

template <class Scalar>
std::span<const Scalar> DecentralizedDiana<Scalar>::difference(const Replica<Scalar>& replica) {
  if (dual_.empty()) begin(replica);
  const auto eta = static_cast<Scalar>(constants_.step);
  const auto& x = replica.parameters();
  const auto& g = replica.gradient();
  away_.resize(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const Scalar y = x[i] - eta * (g[i] + dual_[i]);
    away_[i] = y - shift_[i];
  }
  return away_;
}

template <class Scalar>
void DecentralizedDiana<Scalar>::absorb(Replica<Scalar>& replica, std::span<const Scalar> sent,
                                        std::span<const Scalar> pull) {
  const auto eta = static_cast<Scalar>(constants_.step);
  const auto dual_rate = static_cast<Scalar>(constants_.dual_step / (2.0 * constants_.step));
  const auto shift_rate = static_cast<Scalar>(constants_.shift_rate);
  auto& x = replica.parameters();
  const auto& g = replica.gradient();
  for (std::size_t i = 0; i < x.size(); ++i) {
    const Scalar u = apart_[i] - pull[i];
    dual_[i] += dual_rate * u;
    shift_[i] += shift_rate * sent[i];
    apart_[i] -= shift_rate * pull[i];
    x[i] -= eta * (g[i] + dual_[i]);
  }
}

template <class Scalar>
void DecentralizedDiana<Scalar>::save(ByteWriter& out) const {
  out.numbers<Scalar>(dual_);
  out.numbers<Scalar>(shift_);
  out.numbers<Scalar>(apart_);
}

template <class Scalar>
Status DecentralizedDiana<Scalar>::load(ByteReader& in) {
  SHOAL_TRY(dual_, in.numbers<Scalar>());
  SHOAL_TRY(shift_, in.numbers<Scalar>());
  SHOAL_TRY(apart_, in.numbers<Scalar>());
  return ok_status();
}

template class DecentralizedDiana<float>;
template class DecentralizedDiana<double>;

namespace {

constexpr char kMemory[] =
    "decentralized_diana needs the peer's own dual variable: those of all peers add up to zero, "
    "and nobody else remembers this one";

struct DianaSettings {
  std::int64_t steps = 2000;
  std::int64_t batch = 0;
  double learning_rate = 0.1;
  double dual_step = 0.0;
  double shift_rate = 0.0;
  bool shift = true;
  bool scale_weights = true;
};
void describe(Settings& s, DianaSettings& v) {
  s.integer("steps", v.steps, "steps every peer makes", {.range = at_least(1).up_to(1e9)});
  s.integer("batch", v.batch,
            "rows of a gradient; 0: all rows of the peer, without which there is noise that does "
            "not vanish",
            {.range = at_least(0)});
  s.real("learning_rate", v.learning_rate, "eta, of the primal step; at most 2 / (L + mu)",
         {.range = above(0), .paper = "2007.00232"});
  s.real("dual_step", v.dual_step, "gam, of the dual step; 0: 1/(1 + omega)^2 of the codec",
         {.range = at_least(0), .paper = "2007.00232"});
  s.real("shift_rate", v.shift_rate,
         "a, share of a message that the shift takes; 0: 1/(1 + omega), its largest",
         {.range = at_least(0).up_to(1), .paper = "2007.00232"});
  s.flag("shift", v.shift,
         "compress the difference to a learned shift; false compresses the models themselves, "
         "which does not converge and is there to be compared with");
  s.flag("scale_weights", v.scale_weights,
         "divide the weights so that the largest eigenvalue of the Laplacian is 1");
}

Error too_large(const char* name, double value, const char* bound, double largest) {
  return invalid_argument(
      fmt::format("{} = {:g} is above {} = {:g} and diverges", name, value, bound, largest));
}

// The largest eigenvalue of I - W; 0 for one node.
Result<double> largest_eigenvalue(const MixingMatrix& mixing) {
  SHOAL_TRY(const Spectrum eigen, spectrum(mixing));
  return 1.0 - eigen.smallest;
}

Result<DifferencePlan> plan_diana(const DianaSettings& settings, const CodecProperties& codec,
                                  const MixingMatrix& mixing) {
  if (!codec.lossless && !codec.variance_factor)
    return unsupported(
        "the convergence rests on messages that are right in the mean, E[Q(v)] = v, and this codec "
        "is biased; use an unbiased one (rand_k with scaled = true, qsgd, terngrad, natural), or "
        "the method choco, which takes contractive codecs");
  const double omega = codec.lossless ? 0.0 : *codec.variance_factor;
  SHOAL_TRY(double lmax, largest_eigenvalue(mixing));
  MixingMatrix weights = mixing;
  if (settings.scale_weights && lmax > 0.0) {
    for (auto& row : weights.rows)
      for (MixingMatrix::Weight& entry : row) entry.weight /= lmax;
    lmax = 1.0;
  }
  DianaConstants constants;
  constants.step = settings.learning_rate;
  constants.dual_step =
      settings.dual_step > 0.0 ? settings.dual_step : 1.0 / ((1.0 + omega) * (1.0 + omega));
  if (constants.dual_step * lmax > 2.0)
    return too_large("dual_step", constants.dual_step, "2 / lmax", 2.0 / lmax);
  const double shift_max = 1.0 / (1.0 + omega);
  constants.shift_rate = settings.shift_rate > 0.0 ? settings.shift_rate : shift_max;
  if (constants.shift_rate > shift_max)
    return too_large("shift_rate", constants.shift_rate, "1 / (1 + omega)", shift_max);
  if (!settings.shift) constants.shift_rate = 0.0;
  return difference_plan<DecentralizedDiana>(weights, constants);
}

Result<std::unique_ptr<Method>> make_diana(const DianaSettings& settings) {
  GossipSettings gossip;
  gossip.steps = settings.steps;
  gossip.batch = settings.batch;
  gossip.optimizer.learning_rate = settings.learning_rate;
  DifferencePlanner planner = [settings](const CodecProperties& codec, const MixingMatrix& mixing) {
    return plan_diana(settings, codec, mixing);
  };
  return make_difference_gossip(gossip, std::move(planner), kMemory);
}

}  // namespace

CatalogueEntry<Method> decentralized_diana_entry() {
  return catalogue_entry<Method, DianaSettings>(
      "decentralized_diana", "linear convergence among peers with compressed messages",
      "2011.01697, 2007.00232", &make_diana);
}

}  // namespace shoal
