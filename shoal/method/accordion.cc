#include "shoal/method/accordion.h"

#include <algorithm>
#include <cmath>

namespace shoal {

void describe(Settings& s, AccordionSettings& v) {
  s.real("eta", v.eta, "relative change of a gradient's norm that calls for mild compression",
         {.range = at_least(0), .paper = "2010.16248"});
  s.integer("interval", v.interval, "epochs between two checks", {.range = at_least(1).up_to(1e9)});
  s.integer("epoch_steps", v.epoch_steps,
            "steps of an epoch; 0: those that the worker with most rows needs for them",
            {.range = at_least(0).up_to(1e9)});
  s.choice("norm_source", v.norm_source, "whose gradients are looked at",
           {{"worker0", NormSource::kWorker0},
            {"mean_of_workers", NormSource::kMeanOfWorkers},
            {"reduced_gradient", NormSource::kReducedGradient}});
  s.choice("switch_state", v.switch_state,
           "of a codec that learns, when the level changes: keep what both levels share, or redraw",
           {{"keep", SwitchState::kKeep}, {"redraw", SwitchState::kRedraw}});
  s.flag("zero_memory", v.zero_memory, "also forget the error of feedback then");
  s.integer("large_batch", v.large_batch,
            "rows of a gradient while little changes, in place of a hard codec; 0: as always",
            {.range = at_least(0).up_to(1e9)});
  s.real("large_batch_rate", v.large_batch_rate, "what the learning rate is multiplied with then",
         {.range = above(0)});
  s.flag("monotone", v.monotone, "a batch that has grown stays large");
  s.real("control_share", v.control_share,
         "the control of a study: at every check each layer is mild by chance, with this share, "
         "whatever the gradients do; below 0: off",
         {.range = at_least(-1).up_to(1)});
}

std::vector<LayerPart> accordion_layers(const Layout& layout) {
  std::vector<LayerPart> layers;
  for (const TensorInfo& tensor : layout.tensors())
    if (tensor.shape.size() >= 2 && tensor.size > 0) layers.push_back({tensor.offset, tensor.size});
  return layers;
}

AccordionPolicy::AccordionPolicy(const AccordionSettings& settings, std::vector<LayerPart> layers)
    : settings_(settings),
      layers_(std::move(layers)),
      sums_(layers_.size()),
      hard_(layers_.size()) {}

template <class Scalar>
void AccordionPolicy::accumulate(std::span<const Scalar> gradient) {
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    std::vector<double>& sum = sums_[l];
    if (sum.empty()) sum.resize(layers_[l].size);
    const Scalar* from = gradient.data() + layers_[l].offset;
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += static_cast<double>(from[i]);
  }
}
template void AccordionPolicy::accumulate<float>(std::span<const float>);
template void AccordionPolicy::accumulate<double>(std::span<const double>);

bool AccordionPolicy::end_step(std::size_t epoch_steps) {
  if (++step_of_epoch_ < epoch_steps) return false;
  step_of_epoch_ = 0;
  const bool due = epoch_ % static_cast<std::uint32_t>(settings_.interval) == 0;
  ++epoch_;
  if (!due) (void)take_norms();
  return due;
}

std::vector<double> AccordionPolicy::take_norms() {
  std::vector<double> norms;
  for (std::vector<double>& sum : sums_) {
    double square = 0.0;
    for (const double value : sum) square += value * value;
    norms.push_back(std::sqrt(square));
    std::fill(sum.begin(), sum.end(), 0.0);
  }
  return norms;
}

void AccordionPolicy::check(std::span<const double> norms) {
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const bool first = norms_.empty() || norms_[l] == 0.0;
    const bool changes = first || std::abs(norms_[l] - norms[l]) / norms_[l] >= settings_.eta;
    hard_[l] = !changes || (settings_.monotone && hard_[l]);
  }
  norms_.assign(norms.begin(), norms.end());
  ++checks_;
}

void AccordionPolicy::take_levels(const std::vector<bool>& hard) {
  hard_ = hard;
  ++checks_;
}

void AccordionPolicy::learning_rate(double rate) {
  if (rate < learning_rate_ && !settings_.monotone) std::fill(hard_.begin(), hard_.end(), false);
  learning_rate_ = rate;
}

void AccordionPolicy::save(ByteWriter& out) const {
  for (const std::uint32_t count : {step_of_epoch_, epoch_, checks_})
    out.number<std::uint32_t>(count);
  out.number<double>(learning_rate_);
  out.numbers<double>(norms_);
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    out.number<std::uint8_t>(hard_[l] ? 1 : 0);
    out.numbers<double>(sums_[l]);
  }
}

Status AccordionPolicy::load(ByteReader& in) {
  for (std::uint32_t* count : {&step_of_epoch_, &epoch_, &checks_}) {
    SHOAL_TRY(*count, in.number<std::uint32_t>());
  }
  SHOAL_TRY(learning_rate_, in.number<double>());
  SHOAL_TRY(norms_, in.numbers<double>());
  if (!norms_.empty() && norms_.size() != layers_.size())
    return corrupt("stored norms of another number of layers");
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    SHOAL_TRY(const auto hard, in.number<std::uint8_t>());
    hard_[l] = hard != 0;
    SHOAL_TRY(sums_[l], in.numbers<double>());
    if (!sums_[l].empty() && sums_[l].size() != layers_[l].size)
      return corrupt("a stored sum of gradients of another size than its layer");
  }
  return ok_status();
}

}  // namespace shoal
