#include "shoal/method/gossip.h"

#include <algorithm>
#include <fmt/format.h>

#include "shoal/method/exchange.h"

namespace shoal {

void describe(Settings& s, GossipSettings& v) {
  s.integer("steps", v.steps, "steps every peer makes", {.range = at_least(1).up_to(1e9)});
  s.integer("batch", v.batch, "rows of a gradient; 0: all rows of the peer",
            {.range = at_least(0)});
  describe(s, v.optimizer);
}

template <class Scalar>
void mix_received(double own_weight, std::span<const Scalar> own,
                  std::span<const MixingMatrix::Weight> row,
                  std::span<const std::span<const Scalar>> received, std::span<Scalar> out) {
  double came = own_weight;
  bool all = true;
  for (std::size_t k = 0; k < row.size(); ++k) {
    if (received[k].empty())
      all = false;
    else
      came += row[k].weight;
  }
  const double factor = all ? 1.0 : 1.0 / came;
  const auto own_share = static_cast<Scalar>(own_weight * factor);
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = own_share * own[i];
  for (std::size_t k = 0; k < row.size(); ++k) {
    if (received[k].empty()) continue;
    const auto share = static_cast<Scalar>(row[k].weight * factor);
    const Scalar* vector = received[k].data();
    for (std::size_t i = 0; i < out.size(); ++i) out[i] += share * vector[i];
  }
}

template void mix_received<float>(double, std::span<const float>,
                                  std::span<const MixingMatrix::Weight>,
                                  std::span<const std::span<const float>>, std::span<float>);
template void mix_received<double>(double, std::span<const double>,
                                   std::span<const MixingMatrix::Weight>,
                                   std::span<const std::span<const double>>, std::span<double>);

namespace {

constexpr Tag kGossip = tag("gossip");
constexpr std::string_view kAbsent = "absent";

// From a newcomer, for a step that it has missed.
Frame absence(Step step) {
  MessageBuilder message(kGossip, step);
  message.count(kAbsent, 1);
  return message.finish();
}

template <class Scalar>
Status check_outgoing(const Message& message, std::size_t size) {
  if (message.count(kAbsent).ok()) return ok_status();
  return check_vector<Scalar>(message, "x", size);
}

template <class Scalar>
struct GossipJob {
  const Problem<Scalar>* problem;
  GossipSettings settings;
  GossipKind kind;
  std::vector<MixingMatrix> mixing;                    // one a step of the period
  std::vector<std::vector<std::vector<NodeId>>> to;    // [phase][node]
  std::vector<std::vector<std::vector<NodeId>>> from;  // [phase][node]
  double patience_s;
};

template <class Scalar>
std::unique_ptr<GossipVariant<Scalar>> make_variant(const GossipKind& kind) {
  if constexpr (std::is_same_v<Scalar, float>)
    return kind.in_float();
  else
    return kind.in_double();
}

// One peer: its replica, its variant, and the room to mix in.
template <class Scalar>
class Peer : public Persistent {
 public:
  Peer(const Node& node, const GossipJob<Scalar>& job)
      : job_(job),
        node_(node.id()),
        replica_(*job.problem, node.id(), node.seed(), static_cast<std::size_t>(job.settings.batch),
                 job.settings.optimizer, static_cast<Step>(job.settings.steps)),
        variant_(make_variant<Scalar>(job.kind)) {}

  Replica<Scalar>& replica() { return replica_; }

  // Runs inside compute(): the gradient, and what is to be sent.
  void local_step(Step step) {
    replica_.propose(step);
    const auto outgoing = variant_->outgoing(replica_);
    sent_.assign(outgoing.begin(), outgoing.end());
  }
  Frame outgoing(Step step) const {
    MessageBuilder message(kGossip, step);
    message.vector<Scalar>("x", sent_);
    return message.finish();
  }
  // Returns how many neighbours' vectors were usable.
  std::size_t mix(Step step, const Arrivals& arrivals) {
    const MixingMatrix& mixing = job_.mixing[step % job_.mixing.size()];
    const auto& row = mixing.rows[node_];
    std::vector<std::vector<Scalar>> vectors(row.size());
    std::vector<std::span<const Scalar>> received(row.size());
    std::size_t usable = 0;
    std::size_t k = 0;
    for (const Message& message : arrivals.messages) {
      while (k < row.size() && row[k].node < message.sender()) ++k;
      if (k == row.size()) break;
      if (row[k].node != message.sender()) continue;
      vectors[k].resize(sent_.size());
      if (!message.vector<Scalar>("x", vectors[k]).ok()) continue;
      received[k] = vectors[k];
      ++usable;
    }
    mixed_.resize(sent_.size());
    mix_received<Scalar>(mixing.own[node_], sent_, row, received, mixed_);
    variant_->absorb(replica_, mixed_);
    return usable;
  }

  void save(ByteWriter& out) const override {
    replica_.save(out);
    variant_->save(out);
  }
  Status load(ByteReader& in) override {
    SHOAL_TRY_STATUS(replica_.load(in));
    return variant_->load(in);
  }

 private:
  const GossipJob<Scalar>& job_;
  NodeId node_;
  Replica<Scalar> replica_;
  std::unique_ptr<GossipVariant<Scalar>> variant_;
  std::vector<Scalar> sent_;
  std::vector<Scalar> mixed_;
};

template <class Scalar>
Task<> gossip(Node& node, std::shared_ptr<const GossipJob<Scalar>> job) {
  Peer<Scalar> peer(node, *job);
  node.keep(peer);
  if (const Newcomer* newcomer = node.newcomer()) {
    if (!newcomer->replica.empty()) peer.replica().adopt(newcomer->replica);
    for (Step step = newcomer->missed_from; step < newcomer->step; ++step) {
      const Frame frame = absence(step);
      for (const NodeId neighbor : job->to[step % job->to.size()][node.id()])
        co_await node.send(neighbor, frame);
    }
  }
  for (const Step step : node.steps(static_cast<Step>(job->settings.steps))) {
    const std::size_t phase = step % job->mixing.size();
    std::function<void()> local_step = [&peer, step] { peer.local_step(step); };
    co_await node.compute(peer.replica().work_flops(), std::move(local_step));
    node.count_gradients(peer.replica().gradients_of_step());

    const Frame frame = peer.outgoing(step);
    const std::vector<NodeId>& from = job->from[phase][node.id()];
    const Arrivals arrivals = co_await exchange(node, kGossip, step, job->to[phase][node.id()],
                                                from, frame, job->patience_s);
    const std::size_t usable = peer.mix(step, arrivals);

    if (usable < from.size()) node.show(step, "missing", static_cast<double>(from.size() - usable));
    node.show(step, "train_loss", peer.replica().loss());
    if (node.wants_model(step)) node.show_model<Scalar>(step, peer.replica().parameters());
    node.step_done(step);
  }
}

class GossipMethod : public Method {
 public:
  GossipMethod(const GossipSettings& settings, const GossipKind& kind)
      : settings_(settings), kind_(kind) {}

  std::size_t servers() const override { return 0; }
  Step length() const override { return static_cast<Step>(settings_.steps); }
  bool needs_topology() const override { return true; }

  Result<Program> prepare(const MethodParts& parts) const override {
    if (parts.codec)
      return unsupported(
          "plain gossip averages whole vectors: a codec would bias every average; leave [codec] "
          "out, or use a method with its own compressed state");
    if (parts.make_rule) return unsupported("gossip mixes by its matrix; leave [rule] out");
    if (parts.in_double) return prepare_in<double>(parts, *parts.in_double);
    return prepare_in<float>(parts, *parts.in_float);
  }

  Status newcomer() const override {
    return kind_.memory ? Status(unsupported(kind_.memory)) : ok_status();
  }

  Result<ContentCheck> content_check(const MethodParts& parts) const override {
    if (parts.in_double)
      return ContentCheck([size = parts.in_double->dimension()](const Message& message, auto) {
        return check_outgoing<double>(message, size);
      });
    return ContentCheck([size = parts.in_float->dimension()](const Message& message, auto) {
      return check_outgoing<float>(message, size);
    });
  }

 private:
  template <class Scalar>
  Result<Program> prepare_in(const MethodParts& parts, const Problem<Scalar>& problem) const {
    auto job = std::make_shared<GossipJob<Scalar>>();
    job->problem = &problem;
    job->settings = settings_;
    job->kind = kind_;
    job->patience_s = parts.patience_s;
    SHOAL_TRY_STATUS(check_connected(*parts.topology));
    if (!parts.topology->planes.empty())
      return invalid_argument(
          fmt::format("gossip mixes on one graph; {} is a pair of trees", parts.topology->text()));
    SHOAL_TRY(job->mixing, mixing_schedule(*parts.topology, parts.mixing));
    if (kind_.check)
      for (const MixingMatrix& mixing : job->mixing) SHOAL_TRY_STATUS(kind_.check(mixing));
    for (std::size_t phase = 0; phase < job->mixing.size(); ++phase) {
      const Topology& graph = at_step(*parts.topology, phase);
      job->to.push_back(graph.out);
      job->from.push_back(graph.in);
    }
    return Program([job](Node& node) { return gossip<Scalar>(node, job); });
  }

  GossipSettings settings_;
  GossipKind kind_;
};

}  // namespace

std::unique_ptr<Method> make_gossip(const GossipSettings& settings, const GossipKind& kind) {
  return std::make_unique<GossipMethod>(settings, kind);
}

}  // namespace shoal
