#include "shoal/method/difference_gossip.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "shoal/math/vector.h"
#include "shoal/method/exchange.h"
#include "shoal/method/row_format.h"

namespace shoal {

bool GrowthWatch::is_too_large(Step step, double squared_norm) {
  if (!std::isfinite(squared_norm)) return true;
  if (step < learning_steps_) {
    largest_ = std::max(largest_, squared_norm);
    return false;
  }
  return squared_norm > kGrowthMax * kGrowthMax * largest_ && largest_ > 0.0;
}

Status GrowthWatch::load(ByteReader& in) {
  SHOAL_TRY(largest_, in.number<double>());
  return ok_status();
}

namespace {

constexpr Tag kDifference = tag("differ");
constexpr std::string_view kRow = "q";

template <class Scalar>
struct DifferenceJob {
  const Problem<Scalar>* problem;
  GossipSettings settings;
  RowFormat<Scalar> format;
  DifferencePlan plan;
  std::vector<std::vector<NodeId>> neighbors;  // of each node, in the order of its weights
  double patience_s;
  CodecWork codec_work;
};

template <class Scalar>
std::unique_ptr<DifferenceVariant<Scalar>> make_variant(const DifferencePlan& plan) {
  if constexpr (std::is_same_v<Scalar, float>)
    return plan.in_float();
  else
    return plan.in_double();
}

// One peer: its replica, its variant, and what it sends in a step.
template <class Scalar>
class DifferencePeer : public Persistent {
 public:
  DifferencePeer(const Node& node, const DifferenceJob<Scalar>& job)
      : job_(job),
        id_(node.id()),
        replica_(*job.problem, node.id(), node.seed(), static_cast<std::size_t>(job.settings.batch),
                 job.settings.optimizer, static_cast<Step>(job.settings.steps)),
        variant_(make_variant<Scalar>(job.plan)),
        watch_(job.problem->workers()),
        sent_(job.problem->dimension()),
        received_(job.problem->dimension()),
        pull_(job.problem->dimension()) {}

  Replica<Scalar>& replica() { return replica_; }

  // Inside compute(): the gradient, and the encoded difference.
  void local_step(Step step) {
    replica_.propose(step);
    ByteWriter bytes;
    written_ = job_.format.write(variant_->difference(replica_), id_, step, bytes, sent_);
    encoded_ = std::move(bytes).take();
  }
  // Whether this peer's messages are as large as they should be.
  bool is_sound(Step step) {
    return written_.ok() &&
           !watch_.is_too_large(step, squared_norm(std::span<const Scalar>(sent_)));
  }
  double sent_norm() const { return std::sqrt(squared_norm(std::span<const Scalar>(sent_))); }

  Frame outgoing(Step step) const {
    MessageBuilder message(kDifference, step);
    message.tensor(kRow, encoded_);
    return message.finish();
  }
  // Ends the step when all of the neighbours' rows are there; else changes nothing.
  bool absorb(Step step, const Arrivals& arrivals) {
    const auto& weights = job_.plan.weights.rows[id_];
    if (arrivals.messages.size() < weights.size()) return false;
    std::fill(pull_.begin(), pull_.end(), Scalar{0});
    for (std::size_t k = 0; k < weights.size(); ++k) {
      const Message& message = arrivals.messages[k];
      SHOAL_CHECK(message.sender() == weights[k].node, "neighbours answer in order");
      const auto bytes = message.tensor(kRow);
      if (!bytes.ok() || !job_.format.read(*bytes, step, received_).ok()) return false;
      const auto weight = static_cast<Scalar>(weights[k].weight);
      for (std::size_t i = 0; i < pull_.size(); ++i) pull_[i] += weight * (received_[i] - sent_[i]);
    }
    variant_->absorb(replica_, sent_, pull_);
    return true;
  }

  void save(ByteWriter& out) const override {
    replica_.save(out);
    variant_->save(out);
    watch_.save(out);
  }
  Status load(ByteReader& in) override {
    SHOAL_TRY_STATUS(replica_.load(in));
    SHOAL_TRY_STATUS(variant_->load(in));
    return watch_.load(in);
  }

 private:
  const DifferenceJob<Scalar>& job_;
  NodeId id_;
  Replica<Scalar> replica_;
  std::unique_ptr<DifferenceVariant<Scalar>> variant_;
  GrowthWatch watch_;
  Status written_;
  Bytes encoded_;
  std::vector<Scalar> sent_;  // q_i, as the neighbours read it
  std::vector<Scalar> received_;
  std::vector<Scalar> pull_;
};

template <class Scalar>
Task<> difference_gossip(Node& node, std::shared_ptr<const DifferenceJob<Scalar>> job) {
  DifferencePeer<Scalar> peer(node, *job);
  node.keep(peer);
  const std::vector<NodeId>& neighbors = job->neighbors[node.id()];
  for (const Step step : node.steps(static_cast<Step>(job->settings.steps))) {
    std::function<void()> local_step = [&peer, step] { peer.local_step(step); };
    // With the gradient, the encoding, and the decodings that its answers will ask for.
    const double codec_flops =
        job->codec_work.exchange_flops(job->problem->dimension(), neighbors.size());
    co_await node.compute(peer.replica().work_flops() + codec_flops, std::move(local_step));
    node.count_gradients(peer.replica().gradients_of_step());
    if (!peer.is_sound(step)) {
      show_end(node, step, "diverged");
      co_return;
    }

    const Frame frame = peer.outgoing(step);
    const Arrivals arrivals =
        co_await exchange(node, kDifference, step, neighbors, neighbors, frame, job->patience_s);
    if (!peer.absorb(step, arrivals)) {
      show_end(node, step, "abandoned");
      co_return;
    }

    node.show(step, "train_loss", peer.replica().loss());
    node.show(step, "sent_norm", peer.sent_norm());
    if (node.wants_model(step)) node.show_model<Scalar>(step, peer.replica().parameters());
    node.step_done(step);
  }
}

// The one matrix of a run, or why there is none.
Result<MixingMatrix> fixed_weights(const Topology& topology, const MixingSettings& settings) {
  SHOAL_TRY_STATUS(check_connected(topology));
  if (!topology.planes.empty() || !topology.schedule.empty())
    return invalid_argument(fmt::format(
        "each peer keeps one sum over its neighbours, with the same weights in every step, and "
        "the {} is not one graph; take a ring, a torus or another that does not change",
        topology.text()));
  SHOAL_TRY(MixingMatrix weights, make_mixing(topology, settings));
  if (is_symmetric(weights)) return weights;
  return invalid_argument(
      fmt::format("what neighbours send each other must cancel in the sum over the peers, which "
                  "takes w_ij = w_ji, and the weights of the {} are not symmetric; use an "
                  "undirected topology with mixing kind = \"metropolis_hastings\"",
                  weights.topology));
}

CodecProperties properties_of(const Codec* codec, const Layout& layout) {
  if (codec) return codec->properties(layout);
  CodecProperties raw;
  raw.lossless = true;
  raw.variance_factor = 0.0;
  raw.contraction = 1.0;
  return raw;
}

class DifferenceGossip : public Method {
 public:
  DifferenceGossip(const GossipSettings& settings, DifferencePlanner planner, const char* memory)
      : settings_(settings), planner_(std::move(planner)), memory_(memory) {}

  std::size_t servers() const override { return 0; }
  Step length() const override { return static_cast<Step>(settings_.steps); }
  bool needs_topology() const override { return true; }

  Result<Program> prepare(const MethodParts& parts) const override {
    if (parts.make_rule) return unsupported("gossip mixes by its matrix; leave [rule] out");
    if (parts.feedback.kind != FeedbackKind::kNone)
      return unsupported(
          "what the codec leaves out of a difference is in the next difference already, so there "
          "is nothing to feed back; leave feedback out");
    if (parts.in_double) return prepare_in<double>(parts, *parts.in_double);
    return prepare_in<float>(parts, *parts.in_float);
  }

  // A forged difference reaches its receivers alone; the liar keeps to what it computed. So what it
  // remembers and what they do part for good, and their sums no longer cancel: lies last.
  Result<std::vector<RowPlace>> rows(const MethodParts& parts) const override {
    RowPlace place;
    place.tag = kDifference;
    place.parts = {std::string(kRow)};
    place.layout = layout_of(parts);
    place.codec = parts.codec;
    place.in_double = parts.in_double != nullptr;
    return std::vector<RowPlace>{std::move(place)};
  }

  Status newcomer() const override { return unsupported(memory_); }

  Result<ContentCheck> content_check(const MethodParts& parts) const override {
    if (parts.in_double) return check_in<double>(parts, *parts.in_double);
    return check_in<float>(parts, *parts.in_float);
  }

 private:
  template <class Scalar>
  Result<Program> prepare_in(const MethodParts& parts, const Problem<Scalar>& problem) const {
    auto job = std::make_shared<DifferenceJob<Scalar>>();
    job->problem = &problem;
    job->settings = settings_;
    const Layout& layout = problem.models->layout();
    job->format = RowFormat<Scalar>(parts.codec, layout, parts.seed);
    SHOAL_TRY(const MixingMatrix weights, fixed_weights(*parts.topology, parts.mixing));
    SHOAL_TRY(job->plan, planner_(properties_of(parts.codec, layout), weights));
    job->neighbors = parts.topology->in;
    job->patience_s = parts.patience_s;
    job->codec_work = parts.codec_work;
    return Program([job](Node& node) { return difference_gossip<Scalar>(node, job); });
  }

  template <class Scalar>
  Result<ContentCheck> check_in(const MethodParts& parts, const Problem<Scalar>& problem) const {
    const Layout& layout = problem.models->layout();
    const RowFormat<Scalar> format(parts.codec, layout, parts.seed);
    return ContentCheck([format, size = layout.size()](const Message& message, auto) -> Status {
      SHOAL_TRY(const ByteView bytes, message.tensor(kRow));
      std::vector<Scalar> row(size);
      return format.read(bytes, message.round(), row);
    });
  }

  GossipSettings settings_;
  DifferencePlanner planner_;
  const char* memory_;
};

}  // namespace

std::unique_ptr<Method> make_difference_gossip(const GossipSettings& settings,
                                               DifferencePlanner planner, const char* memory) {
  return std::make_unique<DifferenceGossip>(settings, std::move(planner), memory);
}

}  // namespace shoal
