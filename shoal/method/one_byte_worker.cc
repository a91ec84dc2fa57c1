#include "shoal/method/one_byte_worker.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace shoal {
namespace {

// Rounds a worker may have heard of and not applied: those of a log frame, and openings meanwhile.
constexpr std::size_t kHeardRoundsMax = 1 << 16;
// Of a model's operations for a row, which are those of a gradient: what its loss alone takes.
constexpr double kLossShare = 1.0 / 3.0;

void save_rounds(const RoundShape& shape, const std::map<Step, CountedRound>& rounds,
                 ByteWriter& out) {
  out.number<std::uint64_t>(rounds.size());
  for (const auto& [round, counted] : rounds) {
    out.number<Step>(round);
    write_round(shape, counted, out);
  }
}

Status load_rounds(const RoundShape& shape, ByteReader& in, std::map<Step, CountedRound>& rounds) {
  rounds.clear();
  SHOAL_TRY(const auto count, in.number<std::uint64_t>());
  for (std::uint64_t i = 0; i < count; ++i) {
    SHOAL_TRY(const auto round, in.number<Step>());
    SHOAL_TRY(rounds[round], read_round(shape, in));
  }
  return ok_status();
}

}  // namespace

template <class Scalar>
OneByteWorker<Scalar>::OneByteWorker(const Node& node,
                                     std::shared_ptr<const OneByteJob<Scalar>> job)
    : job_(std::move(job)),
      id_(node.id()),
      seed_(node.seed()),
      batches_(*job_->problem, id_ - 1, id_, seed_, static_cast<std::size_t>(job_->settings.batch)),
      parameters_(job_->problem->initial) {
  if (job_->settings.evaluate == Evaluating::kInPlace) exact_ = parameters_;
}

// --- What the coordinator says ---

template <class Scalar>
Status OneByteWorker<Scalar>::hear(Step round, CountedRound counted) {
  if (round < round_) return ok_status();
  if (heard_.size() >= kHeardRoundsMax)
    return limit_exceeded(fmt::format("more than {} rounds to apply", kHeardRoundsMax));
  heard_.emplace(round, std::move(counted));
  return ok_status();
}

template <class Scalar>
void OneByteWorker<Scalar>::begin_anew() {
  parameters_ = job_->problem->initial;
  round_ = 0;
  heard_.clear();
  since_.clear();
  if (!exact_.empty()) exact_ = parameters_;
}

template <class Scalar>
Status OneByteWorker<Scalar>::take_log(const Message& message) {
  SHOAL_TRY(const std::uint64_t from, message.count("from"));
  SHOAL_TRY(const ByteView bytes, message.tensor("rounds"));
  std::vector<CountedRound> rounds;
  ByteReader in(bytes);
  while (!in.done()) {
    SHOAL_TRY(CountedRound counted, read_round(job_->shape, in));
    rounds.push_back(std::move(counted));
  }
  if (from + rounds.size() > message.round()) return corrupt("a log of rounds to come");
  if (message.count("anew").ok()) begin_anew();
  auto round = static_cast<Step>(from);
  for (CountedRound& counted : rounds) SHOAL_TRY_STATUS(hear(round++, std::move(counted)));
  return ok_status();
}

template <class Scalar>
Status OneByteWorker<Scalar>::take(const Message& message) {
  if (message.tag() == kLogTag) return take_log(message);
  if (message.tag() != kRoundTag && message.tag() != kOverTag)
    return invalid_argument("a message that no coordinator sends");
  const Step round = message.round();
  if (round > 0) {
    SHOAL_TRY(const ByteView bytes, message.tensor("counted"));
    ByteReader in(bytes);
    SHOAL_TRY(CountedRound counted, read_round(job_->shape, in));
    SHOAL_TRY_STATUS(hear(round - 1, std::move(counted)));
  }
  opened_ = std::max(opened_, round + 1);
  over_ = over_ || message.tag() == kOverTag;
  return ok_status();
}

template <class Scalar>
Step OneByteWorker<Scalar>::reaches() const {
  Step round = round_;
  for (auto next = heard_.find(round); next != heard_.end() && next->first == round; ++next)
    ++round;
  return round;
}

template <class Scalar>
std::optional<Frame> OneByteWorker<Scalar>::standing(const Message& message) const {
  if (message.tag() != kRoundTag || message.round() == 0 || message.round() + 1 != opened_)
    return std::nullopt;
  const Step next = reaches();
  if (next == message.round()) {
    const auto before = heard_.find(next - 1);
    if (before == heard_.end() || std::ranges::binary_search(before->second.workers, id_ - 1))
      return std::nullopt;
  }
  MessageBuilder here(kHereTag, message.round());
  here.count("next", next);
  return here.finish();
}

template <class Scalar>
double OneByteWorker<Scalar>::apply_heard_flops() const {
  const Step last = reaches();
  double flops = 0.0;
  for (const auto& [round, counted] : heard_)
    if (round < last) flops += apply_round_flops(*job_, counted.slopes.size());
  return exact_.empty() ? flops : 2.0 * flops;
}

template <class Scalar>
void OneByteWorker<Scalar>::apply_heard() {
  for (auto next = heard_.find(round_); next != heard_.end(); next = heard_.find(round_)) {
    apply_round<Scalar>(*job_, round_, next->second, parameters_);
    if (!exact_.empty()) since_.insert(heard_.extract(next));
    heard_.erase(round_);
    ++round_;
    if (!exact_.empty() && round_ % static_cast<Step>(job_->settings.restore_every) == 0) restore();
  }
}

template <class Scalar>
void OneByteWorker<Scalar>::restore() {
  for (const auto& [round, counted] : since_) apply_round<Scalar>(*job_, round, counted, exact_);
  since_.clear();
  parameters_ = exact_;
}

// --- Slopes ---

template <class Scalar>
double OneByteWorker<Scalar>::slope_along(const DirectionKey& key, const Batch& batch) {
  const double eps = job_->settings.eps;
  const Directions& directions = job_->directions;
  Model<Scalar>& model = job_->problem->models->mine();
  double ahead = 0.0, behind = 0.0;
  if (job_->settings.evaluate == Evaluating::kCopy) {
    copy_.resize(parameters_.size());
    perturb<Scalar>(directions, key, eps, parameters_, copy_);
    ahead = model.evaluate(copy_, batch).loss;
    perturb<Scalar>(directions, key, -eps, parameters_, copy_);
    behind = model.evaluate(copy_, batch).loss;
  } else {
    perturb<Scalar>(directions, key, eps, parameters_, parameters_);
    ahead = model.evaluate(parameters_, batch).loss;
    perturb<Scalar>(directions, key, -2.0 * eps, parameters_, parameters_);
    behind = model.evaluate(parameters_, batch).loss;
    perturb<Scalar>(directions, key, eps, parameters_, parameters_);
  }
  return (ahead - behind) / (2.0 * eps);
}

template <class Scalar>
void OneByteWorker<Scalar>::find_slopes() {
  if (job_->is_hash_round(round_)) hash_ = parameter_hash<Scalar>(parameters_);
  slopes_.clear();
  bad_ = 0;
  for (std::uint32_t sample = 0; sample < job_->samples(); ++sample) {
    const auto next = batches_.next(round_);
    const Batch batch{job_->problem->data.get(), next.rows};
    // A liar that skips the step finds the model flat.
    const double slope = next.skipped ? 0.0 : slope_along({round_, id_, sample}, batch);
    const bool finite = std::isfinite(slope);
    slopes_.push_back(finite ? slope : 0.0);
    bad_ += finite ? 0 : 1;
  }
  looked_ = round_ + 1;
}

template <class Scalar>
double OneByteWorker<Scalar>::find_slopes_flops() const {
  const double evaluations = 2.0 * static_cast<double>(job_->samples());
  return evaluations * static_cast<double>(batches_.size()) * kLossShare *
             job_->problem->models->flops_per_row() +
         apply_round_flops(*job_, 2 * job_->samples());
}

template <class Scalar>
Frame OneByteWorker<Scalar>::slopes() const {
  ByteWriter encoded;
  RandomStream draws(seed_, purpose("slope rounding"), id_, round_);
  encode_slopes(job_->shape.code, slopes_, draws, encoded);
  MessageBuilder message(kSlopesTag, round_);
  message.tensor("slopes", encoded.bytes());
  if (bad_ > 0) message.count("bad", bad_);
  if (job_->is_hash_round(round_)) message.count("hash", hash_);
  return message.finish();
}

template <class Scalar>
void OneByteWorker<Scalar>::save(ByteWriter& out) const {
  out.numbers<Scalar>(parameters_);
  out.numbers<Scalar>(exact_);
  for (const Step number : {round_, opened_, looked_}) out.number<Step>(number);
  out.number<std::uint8_t>(over_ ? 1 : 0);
  save_rounds(job_->shape, heard_, out);
  save_rounds(job_->shape, since_, out);
  batches_.save(out);
}

template <class Scalar>
Status OneByteWorker<Scalar>::load(ByteReader& in) {
  SHOAL_TRY_STATUS(in.numbers_into<Scalar>(parameters_));
  SHOAL_TRY_STATUS(in.numbers_into<Scalar>(exact_));
  for (Step* number : {&round_, &opened_, &looked_}) {
    SHOAL_TRY(*number, in.number<Step>());
  }
  SHOAL_TRY(const auto over, in.number<std::uint8_t>());
  over_ = over != 0;
  SHOAL_TRY_STATUS(load_rounds(job_->shape, in, heard_));
  SHOAL_TRY_STATUS(load_rounds(job_->shape, in, since_));
  return batches_.load(in);
}

template class OneByteWorker<float>;
template class OneByteWorker<double>;

// Each turn takes one message and applies what it brings or, when none is waiting and the open
// round is not answered yet, answers it: a worker that is behind loses no time over rounds that are
// over.
template <class Scalar>
Task<> one_byte_worker(Node& node, std::shared_ptr<const OneByteJob<Scalar>> job) {
  if (job->problem->rows[node.id() - 1].empty()) co_return;
  OneByteWorker<Scalar> worker(node, job);
  node.keep(worker);
  // Silence for as long as the whole run may take means that the coordinator is gone.
  const double idle_patience_s = job->patience_s * static_cast<double>(job->rounds() + 1);
  for ([[maybe_unused]] const Step turn : node.steps(kForever)) {
    const bool due = worker.is_due();
    const double patience_s = due ? 0.0 : idle_patience_s;
    const auto message = co_await node.next(patience_s);
    if (message) {
      if (!worker.take(*message).ok()) continue;
      if (const auto here = worker.standing(*message)) co_await node.send(kCoordinator, *here);
      std::function<void()> apply = [&worker] { worker.apply_heard(); };
      co_await node.compute(worker.apply_heard_flops(), std::move(apply));
      if (worker.round() > 0 && node.wants_model(worker.round() - 1))
        node.show_model<Scalar>(worker.round() - 1, worker.parameters());
      if (worker.over()) co_return;
    } else if (due) {
      std::function<void()> look = [&worker] { worker.find_slopes(); };
      co_await node.compute(worker.find_slopes_flops(), std::move(look));
      const Frame slopes = worker.slopes();
      co_await node.send(kCoordinator, slopes);
    } else {
      co_return;
    }
  }
}

template Task<> one_byte_worker<float>(Node&, std::shared_ptr<const OneByteJob<float>>);
template Task<> one_byte_worker<double>(Node&, std::shared_ptr<const OneByteJob<double>>);

}  // namespace shoal
