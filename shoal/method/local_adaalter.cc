// Local AdaAlter (Xie et al. 2019, 1911.09030): AdaGrad whose denominator B^2 is frozen between
// means and grows by a placeholder for the squares that are not shared yet. Step t' = 1..H since
// the last mean, element-wise:
//   x   <- x - lr g / sqrt(B^2 + t' eps^2)       placeholder = "paper"
//   x   <- x - lr g / sqrt(B^2 + eps^2)          placeholder = "constant": what public code does
//   A^2 <- A^2 + g o g
// and at a mean x = mean x_i, B^2 = A^2 = mean A_i^2, both b0^2 at the beginning. With H = 1 it is
// synchronous AdaAlter: update before accumulate, mean of squares. eps is a step-size control here
// (1, not 1e-8), and b0 = 0 leaves the first steps to it alone.
//
// Weight decay is decoupled (x -= lr wd x), so the accumulators see gradients only; clipping bounds
// the norm of g, for x and A^2 alike.
//
// Wire: two reductions every H steps; [codec] carries the first, A^2 stays raw because it must not
// become negative.
#include <cmath>

#include "shoal/math/vector.h"
#include "shoal/method/entries.h"
#include "shoal/method/local_sgd.h"

namespace shoal {
namespace {

enum class Placeholder { kPaper, kConstant };

struct AdaAlterSettings {
  PeriodicAveragingSettings averaging;
  double learning_rate = 0.5;
  std::int64_t warmup_steps = 0;
  double epsilon = 1.0;
  double initial_accumulator = 1.0;  // b0
  Placeholder placeholder = Placeholder::kPaper;
  double clip = 0.0;
  double weight_decay = 0.0;
};

void describe(Settings& s, AdaAlterSettings& v) {
  describe(s, v.averaging);
  s.real("learning_rate", v.learning_rate, "step size of a worker", {.range = above(0)});
  s.integer("warmup_steps", v.warmup_steps, "the step size grows linearly over so many",
            {.range = at_least(0).up_to(1e9)});
  s.real("epsilon", v.epsilon, "of the placeholder; a step-size control, not a guard",
         {.range = above(0), .paper = "1911.09030"});
  s.real("initial_accumulator", v.initial_accumulator, "b0, the root of the first accumulator",
         {.range = at_least(0)});
  s.choice("placeholder", v.placeholder, "t' epsilon^2 as in the paper, or constant epsilon^2",
           {{"paper", Placeholder::kPaper}, {"constant", Placeholder::kConstant}});
  s.real("clip", v.clip, "largest norm of a gradient; 0: any", {.range = at_least(0)});
  s.real("weight_decay", v.weight_decay, "decoupled", {.range = at_least(0)});
}

template <class Scalar>
class AdaAlter : public LocalVariant<Scalar> {
 public:
  AdaAlter(const AdaAlterSettings& settings, std::size_t size)
      : settings_(settings),
        frozen_(size,
                static_cast<Scalar>(settings.initial_accumulator * settings.initial_accumulator)),
        running_(frozen_) {}

  void step(Replica<Scalar>& replica, Step step) override {
    replica.compute_gradient(step);
    ++since_mean_;
    const std::vector<Scalar>& gradient = replica.gradient();
    const Scalar clipped = clip_factor(gradient);
    const auto rate = static_cast<Scalar>(learning_rate(step));
    const auto decay = static_cast<Scalar>(settings_.weight_decay);
    const double steps = settings_.placeholder == Placeholder::kPaper ? since_mean_ : 1;
    const auto unshared = static_cast<Scalar>(steps * settings_.epsilon * settings_.epsilon);
    std::vector<Scalar>& x = replica.parameters();
    for (std::size_t i = 0; i < x.size(); ++i) {
      const Scalar g = clipped * gradient[i];
      x[i] -= rate * (g / std::sqrt(frozen_[i] + unshared) + decay * x[i]);
      running_[i] += g * g;
    }
  }
  std::span<Scalar> second_row() override { return running_; }
  void averaged() override {
    frozen_ = running_;
    since_mean_ = 0;
  }

  void save(ByteWriter& out) const override {
    out.number<std::uint32_t>(since_mean_);
    out.numbers<Scalar>(frozen_);
    out.numbers<Scalar>(running_);
  }
  Status load(ByteReader& in) override {
    SHOAL_TRY(since_mean_, in.number<std::uint32_t>());
    SHOAL_TRY_STATUS(in.numbers_into<Scalar>(frozen_));
    return in.numbers_into<Scalar>(running_);
  }

 private:
  double learning_rate(Step step) const {
    const auto warmup = static_cast<double>(settings_.warmup_steps);
    const double share = warmup > 0.0 ? std::min(1.0, (step + 1.0) / warmup) : 1.0;
    return settings_.learning_rate * share;
  }
  Scalar clip_factor(std::span<const Scalar> gradient) const {
    if (settings_.clip == 0.0) return Scalar{1};
    const double norm = std::sqrt(squared_norm(gradient));
    return norm > settings_.clip ? static_cast<Scalar>(settings_.clip / norm) : Scalar{1};
  }

  AdaAlterSettings settings_;
  std::uint32_t since_mean_ = 0;  // t'
  std::vector<Scalar> frozen_;    // B^2, the same at all workers
  std::vector<Scalar> running_;   // A^2
};

Result<std::unique_ptr<Method>> make_adaalter(const AdaAlterSettings& settings) {
  LocalKind kind;
  kind.in_float = [settings](std::size_t size) {
    return std::make_unique<AdaAlter<float>>(settings, size);
  };
  kind.in_double = [settings](std::size_t size) {
    return std::make_unique<AdaAlter<double>>(settings, size);
  };
  return make_periodic_averaging(settings.averaging, std::move(kind));
}

}  // namespace

CatalogueEntry<Method> local_adaalter_entry() {
  return catalogue_entry<Method, AdaAlterSettings>(
      "local_adaalter", "adaptive steps between means, with averaged accumulators", "1911.09030",
      &make_adaalter);
}

}  // namespace shoal
