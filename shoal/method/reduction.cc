#include "shoal/method/reduction.h"

#include <algorithm>
#include <fmt/format.h>

#include "shoal/math/vector.h"
#include "shoal/method/collectives.h"
#include "shoal/method/exchange.h"
#include "shoal/rule/round_statistics.h"

namespace shoal {
namespace {

constexpr Tag kGather = tag("gather");

// Collectives that one reduction may need: keys grow from each to the next, whatever its way.
constexpr Step kKeysPerRound = 2;

// "auto" and what the codec and the rule allow of the others.
Result<ReductionWay> way_of(const ReductionPlan& plan, CollectiveKind collective) {
  if (plan.make_rule) {
    if (collective == CollectiveKind::kAuto || collective == CollectiveKind::kGather)
      return ReductionWay::kGathered;
    return unsupported(
        "an all-reduce sums rows on the way, and a rule must see each; use collective = "
        "\"gather\" or leave [rule] out");
  }
  if (collective == CollectiveKind::kGather) return ReductionWay::kGathered;
  if (dynamic_cast<const CollectiveCodec*>(plan.codec)) return ReductionWay::kCollective;
  if (!plan.codec) return ReductionWay::kRaw;
  const CodecProperties properties = plan.codec->properties(*plan.layout);
  const bool linear = properties.linear && dynamic_cast<const SharedPlaces*>(plan.codec);
  if (linear && plan.feedback.sends_plain_bodies()) return ReductionWay::kSummed;
  if (collective == CollectiveKind::kAuto) return ReductionWay::kGathered;
  if (linear)
    return unsupported(
        "an all-reduce sums the kept values of one encoding, and with this feedback messages hold "
        "more than that; use collective = \"gather\", or h_init = \"zero\" with ef21 and econtrol");
  return unsupported(
      "an all-reduce sums messages on the way, and those of this codec cannot be summed; use "
      "collective = \"gather\", or a linear codec (grbs, random_block, rand_k with seed_mode = "
      "\"shared\")");
}

std::vector<NodeId> others_of(NodeId id, std::size_t workers) {
  std::vector<NodeId> others;
  for (std::size_t other = 0; other < workers; ++other)
    if (other != id) others.push_back(static_cast<NodeId>(other));
  return others;
}

template <class Scalar>
Status check_row(std::span<const Scalar> row) {
  if (all_finite(row)) return ok_status();
  return invalid_argument("the row holds a value that is not finite");
}

// Any part of the vector; the collective checks that it is the right one.
template <class Scalar>
Status check_piece(const ReductionPlan& plan, const Message& message) {
  SHOAL_TRY(const ByteView piece, message.tensor("v"));
  const std::size_t size = piece.size() / sizeof(Scalar);
  if (size > plan.layout->size())
    return invalid_argument(
        fmt::format("a piece of {} values of a vector of {}", size, plan.layout->size()));
  return check_vector<Scalar>(message, "v", size);
}

}  // namespace

void describe_collective(Settings& s, CollectiveKind& v) {
  s.choice("collective", v,
           "how the rows of all workers meet; auto: a ring where they can be summed on the way, "
           "else everybody sends to everybody",
           {{"auto", CollectiveKind::kAuto},
            {"ring", CollectiveKind::kRing},
            {"binomial", CollectiveKind::kBinomial},
            {"gather", CollectiveKind::kGather}});
}

Result<ReductionPlan> plan_reduction(const MethodParts& parts, CollectiveKind collective) {
  ReductionPlan plan;
  plan.workers = parts.workers();
  if (plan.workers < 2) return invalid_argument("a mean over workers needs at least 2 of them");
  plan.layout =
      parts.in_float ? &parts.in_float->models->layout() : &parts.in_double->models->layout();
  plan.codec = parts.codec;
  plan.work = parts.codec_work;
  plan.ring = collective != CollectiveKind::kBinomial;
  plan.make_rule = parts.make_rule;
  plan.declared_faults = parts.declared_faults;
  plan.patience_s = parts.patience_s;
  plan.seed = parts.seed;
  if (plan.codec) {
    SHOAL_TRY(plan.feedback, make_feedback(parts.feedback, *plan.codec, *plan.layout));
  }
  if (plan.make_rule) {
    if (parts.in_double) return unsupported("rules run in float; leave precision = \"float\"");
    if (plan.feedback.keeps_shift())
      return unsupported(
          "a rule needs every sender's own row, and with this feedback workers keep only the mean "
          "of all shifts; use feedback = \"ef\" or \"none\" with [rule], or a federated method");
    SHOAL_TRY(const auto rule, plan.make_rule());
    SHOAL_TRY_STATUS(rule->check(plan.workers, plan.declared_faults));
    RuleNeeds offered;
    offered.every_sender = true;
    SHOAL_TRY_STATUS(check_needs(rule->needs(), offered));
  }
  SHOAL_TRY(plan.way, way_of(plan, collective));
  if (plan.way == ReductionWay::kCollective && plan.feedback.keeps_shift())
    return unsupported(
        "this codec encodes together with all workers, and no worker has a message of its own that "
        "a shift could follow; use feedback = \"ef\" or \"none\"");
  return plan;
}

Result<ReductionPlan> plan_raw_reduction(const MethodParts& parts, CollectiveKind collective) {
  MethodParts raw = parts;
  raw.codec = nullptr;
  raw.codec_work = {};
  raw.feedback = {};
  raw.make_rule = nullptr;
  return plan_reduction(raw, collective);
}

Result<RowPlace> rows_of(const ReductionPlan& plan, bool in_double, Step rounds_per_step,
                         Step phase) {
  if (plan.way != ReductionWay::kGathered)
    return unsupported(
        "an all-reduce sums rows on the way, so nobody sends one that a liar could forge as its "
        "own; use collective = \"gather\" with [attack]");
  if (plan.feedback.keeps_shift())
    return unsupported(
        "attacks forge whole rows, and this feedback sends differences to a shift that liars are "
        "not modelled to keep; use feedback = \"ef\" or \"none\" with [attack]");
  RowPlace place;
  place.tag = kGather;
  place.rounds_per_step = rounds_per_step;
  place.phase = phase;
  place.layout = *plan.layout;
  place.codec = plan.codec;
  place.in_double = in_double;
  place.same_everywhere = true;
  return place;
}

template <class Scalar>
ContentCheck check_reduction(const ReductionPlan& plan) {
  return [plan](const Message& message, auto) -> Status {
    if (message.tag() == kGather) {
      std::vector<Scalar> row(plan.layout->size());
      if (plan.codec) {
        SHOAL_TRY(const ByteView encoded, message.tensor("x"));
        SHOAL_TRY_STATUS(
            check_feedback_message<Scalar>(plan.feedback, *plan.codec, encoded, *plan.layout,
                                           shared_draws(plan.seed, message.round()), row));
      } else {
        SHOAL_TRY_STATUS(message.vector<Scalar>("x", row));
      }
      return check_row<Scalar>(row);
    }
    // Factors of collective codecs are float in either precision.
    if (plan.way == ReductionWay::kCollective) return check_piece<float>(plan, message);
    return check_piece<Scalar>(plan, message);
  };
}

template <class Scalar>
Reduction<Scalar>::Reduction(const ReductionPlan& plan, NodeId id)
    : plan_(plan),
      id_(id),
      sender_(plan.feedback, plan.layout->size()),
      receiver_(plan.feedback, plan.layout->size()) {
  if (plan.make_rule) rule_ = plan.make_rule().value();
  if (plan.way != ReductionWay::kCollective) return;
  encoding_ = dynamic_cast<const CollectiveCodec*>(plan.codec)->collective(*plan.layout);
  if (plan.feedback.keeps_error()) collective_error_.assign(plan.layout->size(), Scalar{0});
}

template <class Scalar>
Task<bool> Reduction<Scalar>::mean(Node& node, Step round, std::span<Scalar> row) {
  if (plan_.way == ReductionWay::kRaw) {
    own_.assign(row.begin(), row.end());
    const bool complete = co_await all_reduce(node, round, row);
    const auto share = Scalar{1} / static_cast<Scalar>(plan_.workers);
    for (Scalar& value : row) value *= share;
    co_return complete;
  }
  if (plan_.way == ReductionWay::kCollective) {
    const bool together = co_await encode_together(node, round, row);
    co_return together;
  }
  Status encoded = ok_status();
  std::function<void()> encoding = [this, row, round, &encoded] { encoded = encode(row, round); };
  co_await node.compute(encode_flops(), std::move(encoding));
  if (!encoded.ok()) co_return false;
  bool complete = false;
  if (plan_.way == ReductionWay::kSummed) {
    complete = co_await sum_kept(node, round);
    std::fill(row.begin(), row.end(), Scalar{0});
    const auto share = Scalar{1} / static_cast<Scalar>(plan_.workers);
    for (std::size_t k = 0; k < places_.size(); ++k) row[places_[k]] = kept_[k] * share;
  } else {
    complete = co_await gather(node, round, row);
  }
  sender_.settle(complete);
  if (complete) receiver_.count(row, mean_step_);
  co_return complete;
}

template <class Scalar>
double Reduction<Scalar>::encode_flops() const {
  return plan_.work.encode_flops_per_entry * static_cast<double>(plan_.layout->size());
}
template <class Scalar>
double Reduction<Scalar>::decode_flops() const {
  return plan_.work.decode_flops_per_entry * static_cast<double>(plan_.layout->size());
}

template <class Scalar>
Status Reduction<Scalar>::encode(std::span<const Scalar> row, Step round) {
  encoded_.clear();
  if (!plan_.codec) {
    own_.assign(row.begin(), row.end());
    return ok_status();
  }
  const Draws draws = codec_draws(plan_.seed, id_, round);
  SHOAL_TRY_STATUS(sender_.encode(*plan_.codec, row, *plan_.layout, draws, encoded_));
  own_.assign(sender_.sent().begin(), sender_.sent().end());
  own_step_.assign(sender_.shift_step().begin(), sender_.shift_step().end());
  if (plan_.way != ReductionWay::kSummed) return ok_status();
  const auto* codec = dynamic_cast<const SharedPlaces*>(plan_.codec);
  return codec->shared_places(*plan_.layout, draws.shared, places_);
}

// The rounds of a collective codec; its error is kept here, as no message is one worker's alone.
template <class Scalar>
Task<bool> Reduction<Scalar>::encode_together(Node& node, Step round, std::span<Scalar> row) {
  std::vector<Scalar> whole(row.begin(), row.end());
  for (std::size_t i = 0; i < collective_error_.size(); ++i) whole[i] += collective_error_[i];
  const std::vector<float> input(whole.begin(), whole.end());
  const RandomStream shared = shared_draws(plan_.seed, round);
  std::function<void()> begin = [this, &input, shared] { encoding_->begin(input, shared); };
  co_await node.compute(encode_flops() / 2, std::move(begin));
  for (std::size_t turn = 0; turn < encoding_->rounds(); ++turn) {
    const std::span<float> values = encoding_->values(turn);
    const auto key = static_cast<Step>(kKeysPerRound * round + turn);
    bool complete = false;
    if (plan_.ring)
      complete =
          co_await ring_all_reduce<float>(node, plan_.workers, values, key, plan_.patience_s);
    else
      complete =
          co_await binomial_all_reduce<float>(node, plan_.workers, values, key, plan_.patience_s);
    if (!complete) co_return false;
    Status summed = ok_status();
    std::function<void()> take = [this, turn, &summed] {
      summed = encoding_->summed(turn, plan_.workers);
    };
    const double second_half = turn == 0 ? encode_flops() / 2 : 0.0;
    co_await node.compute(second_half, std::move(take));
    if (!summed.ok()) co_return false;
  }
  std::vector<float> mean(row.size()), own(row.size());
  std::function<void()> finish = [this, &mean, &own] { encoding_->finish(mean, own); };
  co_await node.compute(decode_flops(), std::move(finish));
  for (std::size_t i = 0; i < collective_error_.size(); ++i)
    collective_error_[i] = whole[i] - own[i];
  own_.assign(own.begin(), own.end());
  std::copy(mean.begin(), mean.end(), row.begin());
  co_return true;
}

template <class Scalar>
Task<bool> Reduction<Scalar>::sum_kept(Node& node, Step round) {
  kept_.resize(places_.size());
  for (std::size_t k = 0; k < places_.size(); ++k) kept_[k] = own_[places_[k]];
  const std::span<Scalar> kept(kept_);
  const bool complete = co_await all_reduce(node, round, kept);
  co_return complete;
}

template <class Scalar>
Task<bool> Reduction<Scalar>::all_reduce(Node& node, Step round, std::span<Scalar> vector) {
  const auto key = static_cast<Step>(kKeysPerRound * round);
  bool complete = false;
  if (plan_.ring)
    complete = co_await ring_all_reduce(node, plan_.workers, vector, key, plan_.patience_s);
  else
    complete = co_await binomial_all_reduce(node, plan_.workers, vector, key, plan_.patience_s);
  co_return complete;
}

template <class Scalar>
Task<bool> Reduction<Scalar>::gather(Node& node, Step round, std::span<Scalar> row) {
  MessageBuilder message(kGather, round);
  if (plan_.codec)
    message.tensor("x", encoded_.bytes());
  else
    message.vector<Scalar>("x", own_);
  const Frame frame = message.finish();
  const std::vector<NodeId> others = others_of(id_, plan_.workers);
  const Arrivals arrivals =
      co_await exchange(node, kGather, round, others, others, frame, plan_.patience_s);
  if (!arrivals.missing.empty()) co_return false;
  Status status = ok_status();
  std::function<void()> aggregation = [this, &arrivals, round, row, &status] {
    status = aggregate(arrivals, round, row);
  };
  const double decodings = static_cast<double>(others.size()) * decode_flops();
  co_await node.compute(decodings, std::move(aggregation));
  co_return status.ok();
}

// What a gathered message holds; all of it is finite.
template <class Scalar>
Status Reduction<Scalar>::read(const Message& message, std::span<Scalar> row,
                               std::vector<Scalar>& step) const {
  if (!plan_.codec) {
    SHOAL_TRY_STATUS(message.vector<Scalar>("x", row));
  } else {
    SHOAL_TRY(const ByteView encoded, message.tensor("x"));
    SHOAL_TRY_STATUS(receiver_.decode(*plan_.codec, encoded, *plan_.layout,
                                      shared_draws(plan_.seed, message.round()), row, step));
  }
  return check_row<Scalar>(row);
}

template <class Scalar>
Status Reduction<Scalar>::aggregate(const Arrivals& arrivals, Step round, std::span<Scalar> row) {
  std::vector<std::vector<Scalar>> rows(rule_ ? plan_.workers : 1);
  std::vector<double> sum(rule_ ? 0 : row.size()), step_sum(own_step_.size());
  std::vector<Scalar> step;
  for (std::size_t worker = 0; worker < plan_.workers; ++worker) {
    std::vector<Scalar>& decoded = rows[rule_ ? worker : 0];
    if (worker == id_) {
      decoded = own_;
      step = own_step_;
    } else {
      decoded.resize(row.size());
      const Message& message = arrivals.messages[worker - (worker > id_ ? 1 : 0)];
      const Status status = read(message, decoded, step);
      if (!status.ok() && !rule_) return status;
      // Everybody reads the same, so under a rule all go on without this row.
      if (!status.ok()) decoded.clear();
    }
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += static_cast<double>(decoded[i]);
    for (std::size_t i = 0; i < step_sum.size(); ++i) step_sum[i] += static_cast<double>(step[i]);
  }
  const auto workers = static_cast<double>(plan_.workers);
  mean_step_.resize(step_sum.size());
  for (std::size_t i = 0; i < step_sum.size(); ++i)
    mean_step_[i] = static_cast<Scalar>(step_sum[i] / workers);
  if (rule_) return apply_rule(rows, round, row);
  for (std::size_t i = 0; i < row.size(); ++i) row[i] = static_cast<Scalar>(sum[i] / workers);
  return ok_status();
}

template <class Scalar>
Status Reduction<Scalar>::apply_rule(const std::vector<std::vector<Scalar>>& rows, Step round,
                                     std::span<Scalar> row) {
  if constexpr (std::is_same_v<Scalar, float>) {
    RoundView view;
    view.round = round;
    view.seed = plan_.seed;  // and no receiver: all workers must draw alike
    for (std::size_t worker = 0; worker < rows.size(); ++worker) {
      if (rows[worker].empty() || !all_finite(rows[worker])) continue;
      view.rows.emplace_back(rows[worker]);
      view.senders.push_back(static_cast<std::uint32_t>(worker));
    }
    view.weights.assign(view.size(), 1.0 / static_cast<double>(view.size()));
    view.declared_faults = faults_left(plan_.declared_faults, rows.size() - view.size());
    SHOAL_TRY_STATUS(rule_->check(view.size(), view.declared_faults));
    SHOAL_TRY(selection_, rule_->aggregate(view, row));
    senders_ = view.senders;
  }
  return ok_status();
}

template <class Scalar>
void Reduction<Scalar>::save(ByteWriter& out) const {
  sender_.save(out);
  receiver_.save(out);
  out.numbers<Scalar>(collective_error_);
  if (rule_) rule_->save(out);
  if (encoding_) encoding_->save(out);
}

template <class Scalar>
Status Reduction<Scalar>::load(ByteReader& in) {
  SHOAL_TRY_STATUS(sender_.load(in));
  SHOAL_TRY_STATUS(receiver_.load(in));
  SHOAL_TRY_STATUS(in.numbers_into<Scalar>(collective_error_));
  if (rule_) SHOAL_TRY_STATUS(rule_->load(in));
  return encoding_ ? encoding_->load(in) : ok_status();
}

template class Reduction<float>;
template class Reduction<double>;
template ContentCheck check_reduction<float>(const ReductionPlan&);
template ContentCheck check_reduction<double>(const ReductionPlan&);

}  // namespace shoal
