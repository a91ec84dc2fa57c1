#include "shoal/method/one_byte_coordinator.h"

#include <algorithm>

namespace shoal {

template <class Scalar>
OneByteCoordinator<Scalar>::OneByteCoordinator(std::shared_ptr<const OneByteJob<Scalar>> job)
    : job_(std::move(job)), parameters_(job_->problem->initial), up_(job_->workers) {}

template <class Scalar>
Frame OneByteCoordinator<Scalar>::opening(Step round) const {
  MessageBuilder message(round == job_->rounds() ? kOverTag : kRoundTag, round);
  if (round > 0) message.tensor("counted", log_.rounds(round - 1, round));
  return message.finish();
}

template <class Scalar>
Frame OneByteCoordinator<Scalar>::catch_up(Step round, std::size_t from, bool anew) const {
  const std::size_t model_bytes = parameters_.size() * sizeof(Scalar);
  const std::size_t count = log_.fitting(from, std::max(kLogFrameBytesMax, model_bytes));
  MessageBuilder message(kLogTag, round);
  message.count("from", from).tensor("rounds", log_.rounds(from, from + count));
  if (anew) message.count("anew", 1);
  return message.finish();
}

template <class Scalar>
std::vector<std::pair<NodeId, Frame>> OneByteCoordinator<Scalar>::answers(
    Step round, const Arrivals& standings) {
  std::vector<std::pair<NodeId, Frame>> frames;
  for (const NodeId node : forked_) frames.emplace_back(node, catch_up(round, 0, true));
  for (const Message& message : standings.messages) {
    const NodeId node = message.sender();
    const auto next = message.count("next");
    if (!next.ok() || *next >= round || std::ranges::binary_search(forked_, node)) continue;
    const auto place = std::ranges::lower_bound(up_, node);
    const bool is_up = place != up_.end() && *place == node;
    // It stood in the round that has just been closed, so the opening is all that it lacks.
    if (*next == round - 1) {
      if (!is_up) up_.insert(place, node);
    } else {
      frames.emplace_back(node, catch_up(round, *next, false));
    }
  }
  forked_.clear();
  return frames;
}

template <class Scalar>
bool OneByteCoordinator<Scalar>::take(Step round, const Message& message, std::uint32_t own_hash,
                                      CountedRound& counted) {
  const auto refuse = [this] {
    ++figures_.refused;
    return false;
  };
  const auto bytes = message.tensor("slopes");
  if (!bytes.ok()) return refuse();
  const auto slopes = decode_slopes(job_->shape.code, *bytes, job_->samples());
  if (!slopes.ok()) return refuse();
  if (job_->is_hash_round(round)) {
    const auto hash = message.count("hash");
    if (!hash.ok()) return refuse();
    if (*hash != own_hash) {
      ++figures_.forked;
      forked_.push_back(message.sender());
      return false;
    }
  }
  figures_.payload_bytes += bytes->size();
  if (const auto bad = message.count("bad"); bad.ok() && *bad > 0) {
    figures_.not_finite += std::min<std::size_t>(*bad, job_->samples());
    // A sign has no zero, so such a worker sits the round out.
    if (job_->shape.code == SlopeCode::kSign) return true;
  }
  counted.workers.push_back(message.sender() - 1);
  counted.slopes.insert(counted.slopes.end(), slopes->begin(), slopes->end());
  return true;
}

template <class Scalar>
double OneByteCoordinator<Scalar>::close_flops(const Arrivals& slopes) const {
  return apply_round_flops(*job_, slopes.messages.size() * job_->samples());
}

template <class Scalar>
void OneByteCoordinator<Scalar>::close(Step round, const Arrivals& slopes) {
  figures_ = Figures();
  up_.clear();
  CountedRound counted;
  const std::uint32_t own_hash =
      job_->is_hash_round(round) ? parameter_hash<Scalar>(parameters_) : 0;
  for (const Message& message : slopes.messages)
    if (take(round, message, own_hash, counted)) up_.push_back(message.sender());
  figures_.samples = counted.slopes.size();
  log_.append(job_->shape, counted);
  apply_round<Scalar>(*job_, round, counted, parameters_);
}

template <class Scalar>
void OneByteCoordinator<Scalar>::save(ByteWriter& out) const {
  out.numbers<Scalar>(parameters_);
  log_.save(out);
  out.numbers<NodeId>(up_);
  out.numbers<NodeId>(forked_);
}

template <class Scalar>
Status OneByteCoordinator<Scalar>::load(ByteReader& in) {
  SHOAL_TRY_STATUS(in.numbers_into<Scalar>(parameters_));
  SHOAL_TRY_STATUS(log_.load(in));
  SHOAL_TRY(up_, in.numbers<NodeId>());
  SHOAL_TRY(forked_, in.numbers<NodeId>());
  return ok_status();
}

template class OneByteCoordinator<float>;
template class OneByteCoordinator<double>;

namespace {

template <class Scalar>
void report(Node& node, Step round, const OneByteJob<Scalar>& job,
            const OneByteCoordinator<Scalar>& coordinator, const Arrivals& arrivals) {
  const auto& figures = coordinator.figures();
  const auto show = [&](const char* name, std::size_t value) {
    node.show(round, name, static_cast<double>(value));
  };
  show("samples", figures.samples);
  show("evaluations", 2 * job.samples() * arrivals.senders.size());
  show("slope_bytes", figures.payload_bytes);
  if (!arrivals.missing.empty()) show("missing", arrivals.missing.size());
  if (figures.not_finite > 0) show("not_finite", figures.not_finite);
  if (figures.forked > 0) show("forked", figures.forked);
  if (figures.refused > 0) show("refused", figures.refused);
  if (node.wants_model(round)) node.show_model<Scalar>(round, coordinator.parameters());
  node.step_done(round);
}

}  // namespace

// Round r: answer those who said in round r - 1 where they stand, open the round with what counted
// in round r - 1, gather slopes. Nothing that was counted is told before its round is over and, in
// a real run, on disk.
template <class Scalar>
Task<> one_byte_coordinator(Node& node, std::shared_ptr<const OneByteJob<Scalar>> job) {
  OneByteCoordinator<Scalar> coordinator(job);
  node.keep(coordinator);
  const Until at_once(0.0);
  for (const Step round : node.steps(job->rounds())) {
    if (round > 0) {
      const Arrivals standings = co_await node.gather(kHereTag, round - 1, job->workers, at_once);
      for (const auto& [worker, frame] : coordinator.answers(round, standings))
        co_await node.send(worker, frame);
    }
    const Frame opening = coordinator.opening(round);
    for (const NodeId worker : job->workers) co_await node.send(worker, opening);

    Until until(job->patience_s);
    until.goal = coordinator.awaited();
    const Arrivals slopes = co_await node.gather(kSlopesTag, round, job->workers, until);
    std::function<void()> close = [&coordinator, &slopes, round] {
      coordinator.close(round, slopes);
    };
    co_await node.compute(coordinator.close_flops(slopes), std::move(close));
    report(node, round, *job, coordinator, slopes);
  }
  const Step rounds = job->rounds();
  const Arrivals standings = co_await node.gather(kHereTag, rounds - 1, job->workers, at_once);
  for (const auto& [worker, frame] : coordinator.answers(rounds, standings))
    co_await node.send(worker, frame);
  const Frame over = coordinator.opening(rounds);
  for (const NodeId worker : job->workers) co_await node.send(worker, over);
}

template Task<> one_byte_coordinator<float>(Node&, std::shared_ptr<const OneByteJob<float>>);
template Task<> one_byte_coordinator<double>(Node&, std::shared_ptr<const OneByteJob<double>>);

}  // namespace shoal
