#include "shoal/method/accordion_reduction.h"

#include <algorithm>
#include <fmt/format.h>

#include "shoal/base/toml.h"
#include "shoal/codec/composition.h"
#include "shoal/method/collectives.h"
#include "shoal/method/exchange.h"

namespace shoal {
namespace {

constexpr Tag kLevels = tag("levels");

// Reductions of a round need keys of their own: mild, hard, and the norms.
constexpr Step kKeysPerRound = 3;
constexpr Step kNormsKey = 2;

// No codec writes more of an entry than that, nor more beside them.
constexpr std::size_t kBytesPerEntry = 16;
constexpr std::size_t kFrameBytes = 65536;

}  // namespace

Result<AccordionPlan> plan_accordion(const MethodParts& parts, CollectiveKind collective,
                                     std::size_t epoch_steps) {
  AccordionPlan plan;
  plan.settings = parts.accordion;
  if (!parts.codec)
    return invalid_argument("[accordion] hard needs a [codec], which is the mild one");
  if (parts.make_rule)
    return unsupported("a rule sees whole rows and Accordion cuts them in two; leave [rule] out");
  const FeedbackKind feedback = parts.feedback.kind;
  if (feedback != FeedbackKind::kNone && feedback != FeedbackKind::kEf)
    return unsupported(
        "the shifts of this feedback belong to one codec, and Accordion changes it; use feedback = "
        "\"ef\" or \"none\"");
  plan.feedback = feedback == FeedbackKind::kEf;
  SHOAL_TRY(auto hard_codec, make_codec(plan.settings.hard, "[accordion] hard"));
  plan.hard_codec = std::move(hard_codec);
  MethodParts mild = parts, hard = parts;
  hard.codec = plan.hard_codec.get();
  hard.codec_work = codec_work(plan.settings.hard, parts.feedback, layout_of(parts));
  // Once for what feedback asks of either codec, and once as they are used.
  for (MethodParts* level : {&mild, &hard}) {
    SHOAL_TRY(const ReductionPlan with_feedback, plan_reduction(*level, collective));
    level->feedback = {};
    SHOAL_TRY((level == &mild ? plan.mild : plan.hard), plan_reduction(*level, collective));
  }
  plan.one_codec =
      parts.codec_table && write_toml(*parts.codec_table) == write_toml(plan.settings.hard);
  plan.epoch_steps = plan.settings.epoch_steps > 0
                         ? static_cast<std::size_t>(plan.settings.epoch_steps)
                         : std::max<std::size_t>(epoch_steps, 1);
  return plan;
}

template <class Scalar>
ContentCheck check_accordion(const AccordionPlan& plan) {
  const std::size_t layers = accordion_layers(*plan.mild.layout).size();
  const std::size_t size = plan.mild.layout->size();
  return [layers, size](const Message& message, auto) -> Status {
    if (message.tag() == kLevels) {
      SHOAL_TRY(const std::vector<bool> levels, message.bits("hard"));
      if (levels.size() != layers)
        return invalid_argument(
            fmt::format("levels of {} layers of a model with {}", levels.size(), layers));
      return ok_status();
    }
    // How the tensors are shared out between the levels is known to the reduction that waits for
    // the message, and it decodes against that; here only its size is bounded.
    if (message.size_bytes() <= kFrameBytes + kBytesPerEntry * size) return ok_status();
    return invalid_argument(
        fmt::format("a message of {} bytes about a row of {} values", message.size_bytes(), size));
  };
}

Task<bool> agree(Node& node, const AccordionSettings& settings, std::size_t workers,
                 AccordionPolicy& policy, Step round, double patience_s) {
  std::vector<double> norms = policy.take_norms();
  if (settings.control_share >= 0.0) {
    RandomStream stream(node.seed(), purpose("accordion control"), 0, round);
    std::vector<bool> hard(norms.size());
    for (std::size_t l = 0; l < hard.size(); ++l)
      hard[l] = stream.uniform() >= settings.control_share;
    policy.take_levels(hard);
    co_return true;
  }
  if (settings.norm_source == NormSource::kMeanOfWorkers) {
    const std::span<double> sums(norms);
    const auto key = static_cast<Step>(2 * (kKeysPerRound * round + kNormsKey));
    const bool complete = co_await ring_all_reduce<double>(node, workers, sums, key, patience_s);
    for (double& norm : norms) norm /= static_cast<double>(workers);
    if (complete) policy.check(norms);
    co_return complete;
  }
  if (settings.norm_source == NormSource::kReducedGradient || node.id() == 0) policy.check(norms);
  if (settings.norm_source == NormSource::kReducedGradient) co_return true;
  if (node.id() == 0) {
    MessageBuilder message(kLevels, round);
    message.bits("hard", policy.hard());
    const Frame frame = message.finish();
    for (std::size_t other = 1; other < workers; ++other)
      co_await node.send(static_cast<NodeId>(other), frame);
    co_return true;
  }
  const auto message = co_await node.receive(0, kLevels, round, patience_s);
  if (!message) co_return false;
  const auto levels = message->bits("hard");
  if (!levels.ok() || levels->size() != policy.hard().size()) co_return false;
  policy.take_levels(*levels);
  co_return true;
}

template <class Scalar>
AccordionReduction<Scalar>::AccordionReduction(const AccordionPlan& plan, NodeId id)
    : plan_(plan),
      id_(id),
      policy_(plan.settings, accordion_layers(*plan.mild.layout)),
      levels_(policy_.hard()) {
  if (plan.feedback) error_.assign(plan.mild.layout->size(), Scalar{0});
  mild_ = make_level(plan.mild, false);
  hard_ = make_level(plan.hard, true);
}

template <class Scalar>
auto AccordionReduction<Scalar>::make_level(const ReductionPlan& plan, bool hard) const
    -> std::unique_ptr<Level> {
  auto level = std::make_unique<Level>();
  std::size_t layer = 0;
  for (const TensorInfo& tensor : plan.layout->tensors()) {
    const bool takes_part = tensor.shape.size() >= 2 && tensor.size > 0;
    const bool is_hard = takes_part && levels_[layer++] && !plan_.one_codec;
    if (is_hard != hard) continue;
    level->layout.add(tensor.name, tensor.shape, tensor.trainable, tensor.shared);
    level->parts.push_back({tensor.offset, tensor.size});
  }
  level->plan = plan;
  level->plan.layout = &level->layout;
  level->reduction = std::make_unique<Reduction<Scalar>>(level->plan, id_);
  level->row.resize(level->layout.size());
  return level;
}

template <class Scalar>
void AccordionReduction<Scalar>::learning_rate(double rate) {
  policy_.learning_rate(rate);
  switch_levels();
}

template <class Scalar>
void AccordionReduction<Scalar>::switch_levels() {
  if (policy_.hard() == levels_) return;
  levels_ = policy_.hard();
  if (plan_.one_codec) return;
  auto mild = make_level(plan_.mild, false);
  auto hard = make_level(plan_.hard, true);
  if (plan_.settings.switch_state == SwitchState::kKeep)
    for (const auto& now : {mild.get(), hard.get()})
      for (const auto& before : {mild_.get(), hard_.get()})
        now->reduction->take_over(*before->reduction);
  mild_ = std::move(mild);
  hard_ = std::move(hard);
  if (plan_.settings.zero_memory) std::fill(error_.begin(), error_.end(), Scalar{0});
}

template <class Scalar>
Task<bool> AccordionReduction<Scalar>::mean(Node& node, Step round, std::span<Scalar> row) {
  const NormSource source = plan_.settings.norm_source;
  hard_layers_ = static_cast<std::size_t>(std::count(levels_.begin(), levels_.end(), true));
  const std::span<const Scalar> gradient(row);
  const bool looked_at =
      source == NormSource::kMeanOfWorkers || (source == NormSource::kWorker0 && id_ == 0);
  if (looked_at) policy_.accumulate(gradient);
  std::vector<Scalar> whole(row.begin(), row.end());
  for (std::size_t i = 0; i < error_.size(); ++i) whole[i] += error_[i];
  own_.resize(row.size());
  const auto key = static_cast<Step>(kKeysPerRound * round);
  const bool mild = co_await reduce(node, key, *mild_, whole, row);
  if (!mild) co_return false;
  const bool hard = co_await reduce(node, key + 1, *hard_, whole, row);
  if (!hard) co_return false;
  for (std::size_t i = 0; i < error_.size(); ++i) error_[i] = whole[i] - own_[i];
  if (source == NormSource::kReducedGradient) policy_.accumulate(gradient);
  if (!policy_.end_step(plan_.epoch_steps)) co_return true;
  const bool agreed = co_await agree(node, plan_.settings, plan_.mild.workers, policy_, round,
                                     plan_.mild.patience_s);
  if (agreed) switch_levels();
  co_return agreed;
}

template <class Scalar>
Task<bool> AccordionReduction<Scalar>::reduce(Node& node, Step round, Level& level,
                                              std::span<const Scalar> from,
                                              std::span<Scalar> mean) {
  if (level.row.empty()) co_return true;
  Scalar* to = level.row.data();
  for (const LayerPart& part : level.parts)
    to = std::copy_n(from.data() + part.offset, part.size, to);
  const std::span<Scalar> row(level.row);
  const bool complete = co_await level.reduction->mean(node, round, row);
  if (!complete) co_return false;
  std::size_t at = 0;
  for (const LayerPart& part : level.parts) {
    std::copy_n(level.row.data() + at, part.size, mean.data() + part.offset);
    std::copy_n(level.reduction->own().data() + at, part.size, own_.data() + part.offset);
    at += part.size;
  }
  co_return true;
}

template <class Scalar>
void AccordionReduction<Scalar>::show(Node& node, Step step) const {
  node.show(step, "hard_layers", static_cast<double>(hard_layers_));
}

template <class Scalar>
void AccordionReduction<Scalar>::save(ByteWriter& out) const {
  policy_.save(out);
  out.numbers<Scalar>(error_);
  mild_->reduction->save(out);
  hard_->reduction->save(out);
}

template <class Scalar>
Status AccordionReduction<Scalar>::load(ByteReader& in) {
  SHOAL_TRY_STATUS(policy_.load(in));
  SHOAL_TRY_STATUS(in.numbers_into<Scalar>(error_));
  levels_ = policy_.hard();
  mild_ = make_level(plan_.mild, false);
  hard_ = make_level(plan_.hard, true);
  SHOAL_TRY_STATUS(mild_->reduction->load(in));
  return hard_->reduction->load(in);
}

template class AccordionReduction<float>;
template class AccordionReduction<double>;
template ContentCheck check_accordion<float>(const AccordionPlan&);
template ContentCheck check_accordion<double>(const AccordionPlan&);

}  // namespace shoal
