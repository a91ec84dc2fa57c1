#include "shoal/method/gossip.h"

#include <algorithm>
#include <fmt/format.h>

#include "shoal/math/vector.h"
#include "shoal/method/exchange.h"
#include "shoal/method/row_format.h"

namespace shoal {

void describe(Settings& s, GossipSettings& v) {
  s.integer("steps", v.steps, "steps every peer makes", {.range = at_least(1).up_to(1e9)});
  s.integer("batch", v.batch, "rows of a gradient; 0: all rows of the peer",
            {.range = at_least(0)});
  s.integer("wait_for", v.wait_for,
            "with a [rule]: go on when so many neighbours are heard; 0: all of them",
            {.range = at_least(0), .unit = "nodes", .paper = "2209.10931"});
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

// Encoded rows are parts of their own; raw ones all stand in the first.
constexpr std::string_view kRowNames[] = {"x", "y"};

template <class Scalar>
struct GossipJob {
  const Problem<Scalar>* problem;
  GossipSettings settings;
  GossipKind kind;
  RowFormat<Scalar> format;
  std::vector<MixingMatrix> mixing;                    // one a step of the period
  std::vector<std::vector<std::vector<NodeId>>> to;    // [phase][node]
  std::vector<std::vector<std::vector<NodeId>>> from;  // [phase][node]
  double patience_s;
  CodecWork codec_work;
  std::function<Result<std::unique_ptr<Rule>>()> make_rule;  // null: the matrix
  std::size_t declared_faults = 0;
};

// Every row of a run has a number of its own for the codec's draws.
Step row_number(const GossipKind& kind, Step step, std::size_t row) {
  return static_cast<Step>(step * kind.rows + row);
}

// What a message carries, into all rows of `values`; all of it is finite.
template <class Scalar>
Status read_rows(const GossipJob<Scalar>& job, const Message& message, std::span<Scalar> values) {
  if (!job.format.is_encoded()) {
    SHOAL_TRY_STATUS(message.vector<Scalar>(kRowNames[0], values));
    if (all_finite(std::span<const Scalar>(values))) return ok_status();
    return corrupt("a row holds a value that is not finite");
  }
  const std::size_t d = job.problem->dimension();
  for (std::size_t k = 0; k < job.kind.rows; ++k) {
    SHOAL_TRY(const ByteView bytes, message.tensor(kRowNames[k]));
    SHOAL_TRY_STATUS(
        job.format.read(bytes, row_number(job.kind, message.round(), k), values.subspan(k * d, d)));
  }
  return ok_status();
}

template <class Scalar>
Status check_outgoing(const GossipJob<Scalar>& job, const Message& message) {
  if (message.count(kAbsent).ok()) return ok_status();
  const std::size_t size = job.kind.rows * job.problem->dimension();
  if (!job.format.is_encoded()) return check_vector<Scalar>(message, kRowNames[0], size);
  std::vector<Scalar> values(size);
  return read_rows<Scalar>(job, message, values);
}

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
        seed_(node.seed()),
        replica_(*job.problem, node.id(), node.seed(), static_cast<std::size_t>(job.settings.batch),
                 job.settings.optimizer, static_cast<Step>(job.settings.steps)),
        variant_(make_variant<Scalar>(job.kind)) {
    if (job.make_rule) rule_ = job.make_rule().value();
  }

  Replica<Scalar>& replica() { return replica_; }

  // Runs inside compute(): the gradient, and what is to be sent.
  void local_step(Step step) {
    replica_.propose(step);
    const auto outgoing = variant_->outgoing(replica_);
    sent_.assign(outgoing.begin(), outgoing.end());
    if (job_.format.is_encoded()) encode(step);
  }
  // Nothing when what is to be sent has no encoding.
  Frame outgoing(Step step) const {
    MessageBuilder message(kGossip, step);
    if (!job_.format.is_encoded()) {
      message.vector<Scalar>(kRowNames[0], sent_);
      return message.finish();
    }
    if (encoded_.size() < job_.kind.rows) return nullptr;
    for (std::size_t k = 0; k < encoded_.size(); ++k) message.tensor(kRowNames[k], encoded_[k]);
    return message.finish();
  }
  // Returns how many neighbours' vectors were usable.
  std::size_t mix(Step step, const Arrivals& arrivals) {
    const MixingMatrix& mixing = job_.mixing[step % job_.mixing.size()];
    const auto& row = mixing.rows[node_];
    std::vector<std::vector<Scalar>> vectors(row.size());
    std::vector<std::span<const Scalar>> received(row.size());
    std::size_t usable = 0;
    refused_ = 0;
    std::size_t k = 0;
    for (const Message& message : arrivals.messages) {
      while (k < row.size() && row[k].node < message.sender()) ++k;
      if (k == row.size()) break;
      if (row[k].node != message.sender()) continue;
      vectors[k].resize(sent_.size());
      if (!read_rows<Scalar>(job_, message, vectors[k]).ok()) {
        if (!message.count(kAbsent).ok()) ++refused_;
        continue;
      }
      received[k] = vectors[k];
      ++usable;
    }
    mixed_.resize(sent_.size());
    if (rule_) {
      aggregate(step, row, received);
      variant_->absorb(replica_, mixed_);
      return usable;
    }
    mix_received<Scalar>(mixing.own[node_], job_.format.is_encoded() ? read_back_ : sent_, row,
                         received, mixed_);
    if (job_.format.is_encoded())
      for (std::size_t i = 0; i < mixed_.size(); ++i) mixed_[i] += sent_[i] - read_back_[i];
    variant_->absorb(replica_, mixed_);
    return usable;
  }

  // What the rule made of the last mix, if there is one.
  void show_rule(Node& node, Step step) const {
    if (!rule_) return;
    if (selection_.kept.empty()) node.show(step, "unmixed", 1.0);
    node.show_selection(step, senders_, selection_);
  }

  void save(ByteWriter& out) const override {
    replica_.save(out);
    variant_->save(out);
    if (rule_) rule_->save(out);
  }
  Status load(ByteReader& in) override {
    SHOAL_TRY_STATUS(replica_.load(in));
    SHOAL_TRY_STATUS(variant_->load(in));
    return rule_ ? rule_->load(in) : ok_status();
  }

 private:
  // mixed_ is what the rule makes of the own row and those received; or the own row alone, when too
  // few came.
  void aggregate(Step step, std::span<const MixingMatrix::Weight> row,
                 std::span<const std::span<const Scalar>> received) {
    selection_ = {};
    senders_.clear();
    if constexpr (std::is_same_v<Scalar, float>) {
      RoundView view;
      view.round = step;
      view.receiver = node_;
      view.seed = seed_;
      view.declared_faults = faults_left(job_.declared_faults, refused_);
      view.trusted = sent_;
      const auto add = [&view](NodeId sender, std::span<const float> values) {
        view.senders.push_back(sender);
        view.rows.push_back(values);
      };
      std::size_t k = 0;
      for (; k < row.size() && row[k].node < node_; ++k)
        if (!received[k].empty()) add(row[k].node, received[k]);
      add(node_, sent_);
      for (; k < row.size(); ++k)
        if (!received[k].empty()) add(row[k].node, received[k]);
      view.weights.assign(view.size(), 1.0 / static_cast<double>(view.size()));
      senders_ = view.senders;
      auto selection = rule_->aggregate(view, mixed_);
      if (selection.ok()) selection_ = std::move(selection).value();
    }
    if (selection_.kept.empty()) mixed_ = sent_;
  }

  void encode(Step step) {
    const std::size_t d = job_.problem->dimension();
    read_back_.resize(sent_.size());
    encoded_.clear();
    for (std::size_t k = 0; k < job_.kind.rows; ++k) {
      ByteWriter bytes;
      const Status written = job_.format.write(std::span<const Scalar>(sent_).subspan(k * d, d),
                                               node_, row_number(job_.kind, step, k), bytes,
                                               std::span<Scalar>(read_back_).subspan(k * d, d));
      if (!written.ok()) return;
      encoded_.push_back(std::move(bytes).take());
    }
  }

  const GossipJob<Scalar>& job_;
  NodeId node_;
  std::uint64_t seed_;
  Replica<Scalar> replica_;
  std::unique_ptr<GossipVariant<Scalar>> variant_;
  std::vector<Scalar> sent_;
  std::vector<Bytes> encoded_;     // of each row of sent_, when there is a codec
  std::vector<Scalar> read_back_;  // what receivers read of it
  std::vector<Scalar> mixed_;
  std::unique_ptr<Rule> rule_;
  std::size_t refused_ = 0;      // neighbours whose rows could not be read in the last mix
  std::vector<NodeId> senders_;  // of the last mix by the rule
  Selection selection_;
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
    const std::vector<NodeId>& from = job->from[phase][node.id()];
    // With the gradient, the encoding, and the decodings that its answers will ask for.
    const double codec_flops =
        job->codec_work.exchange_flops(job->problem->dimension(), from.size());
    co_await node.compute(peer.replica().work_flops() + codec_flops, std::move(local_step));
    node.count_gradients(peer.replica().gradients_of_step());

    const Frame frame = peer.outgoing(step);
    if (!frame) {
      show_end(node, step, "diverged");
      co_return;
    }
    for (const NodeId neighbor : job->to[phase][node.id()]) co_await node.send(neighbor, frame);
    Until until(job->patience_s);
    until.goal = static_cast<std::size_t>(job->settings.wait_for);
    const Arrivals arrivals = co_await node.gather(kGossip, step, from, until);
    const std::size_t usable = peer.mix(step, arrivals);

    if (usable < from.size()) node.show(step, "missing", static_cast<double>(from.size() - usable));
    peer.show_rule(node, step);
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
    SHOAL_TRY_STATUS(check_rule(parts));
    if (parts.in_double) return prepare_in<double>(parts, *parts.in_double);
    return prepare_in<float>(parts, *parts.in_float);
  }

  Result<std::vector<RowPlace>> rows(const MethodParts& parts) const override {
    RowPlace place;
    place.tag = kGossip;
    place.parts.assign(std::begin(kRowNames), std::end(kRowNames));
    place.rows = kind_.rows;
    place.layout = layout_of(parts);
    place.codec = parts.codec;
    place.in_double = parts.in_double != nullptr;
    return std::vector<RowPlace>{std::move(place)};
  }

  Status newcomer() const override {
    return kind_.memory ? Status(unsupported(kind_.memory)) : ok_status();
  }

  Result<ContentCheck> content_check(const MethodParts& parts) const override {
    if (parts.in_double) return check_in<double>(parts, *parts.in_double);
    return check_in<float>(parts, *parts.in_float);
  }

 private:
  Status check_rule(const MethodParts& parts) const {
    if (!parts.make_rule) {
      if (kind_.needs_rule)
        return invalid_argument(
            "it aggregates with a rule and has none; set one, such as [rule] kind = "
            "\"nearest_neighbours\" with faults = f");
      if (settings_.wait_for > 0)
        return invalid_argument(
            "wait_for is for a [rule], which can do without some of the rows; a mixing matrix "
            "waits for all neighbours");
      return ok_status();
    }
    if (!kind_.takes_rule)
      return unsupported(
          "this method relies on the weights of its mixing matrix; leave [rule] out, or use dpsgd "
          "or monna");
    if (parts.in_double) return unsupported("rules run in float; leave precision = \"float\"");
    const auto wait_for = static_cast<std::size_t>(settings_.wait_for);
    SHOAL_TRY(const auto rule, parts.make_rule());
    RuleNeeds offered;
    offered.trusted_row = true;
    SHOAL_TRY_STATUS(check_needs(rule->needs(), offered));
    const std::size_t period = std::max<std::size_t>(1, parts.topology->schedule.size());
    for (std::size_t phase = 0; phase < period; ++phase)
      for (const auto& neighbors : at_step(*parts.topology, phase).in) {
        if (wait_for > neighbors.size())
          return invalid_argument(fmt::format("wait_for = {} and a node has {} neighbours",
                                              wait_for, neighbors.size()));
        const std::size_t heard = wait_for == 0 ? neighbors.size() : wait_for;
        SHOAL_TRY_STATUS(rule->check(heard + 1, parts.declared_faults));
      }
    return ok_status();
  }

  template <class Scalar>
  Result<ContentCheck> check_in(const MethodParts& parts, const Problem<Scalar>& problem) const {
    return ContentCheck([job = job_of(parts, problem)](const Message& message, auto) {
      return check_outgoing<Scalar>(*job, message);
    });
  }

  // All but the graph.
  template <class Scalar>
  std::shared_ptr<GossipJob<Scalar>> job_of(const MethodParts& parts,
                                            const Problem<Scalar>& problem) const {
    auto job = std::make_shared<GossipJob<Scalar>>();
    job->problem = &problem;
    job->settings = settings_;
    job->kind = kind_;
    job->format = RowFormat<Scalar>(parts.codec, problem.models->layout(), parts.seed);
    job->patience_s = parts.patience_s;
    job->codec_work = parts.codec_work;
    job->make_rule = parts.make_rule;
    job->declared_faults = parts.declared_faults;
    return job;
  }

  template <class Scalar>
  Result<Program> prepare_in(const MethodParts& parts, const Problem<Scalar>& problem) const {
    const auto job = job_of(parts, problem);
    if (parts.codec) {
      SHOAL_TRY_STATUS(
          check_only_rounds(*parts.codec, problem.models->layout(),
                            "gossip sends whole models, and what this codec loses of them does "
                            "not shrink as the models agree, so the average never settles"));
      if (parts.feedback.kind != FeedbackKind::kNone)
        return unsupported(
            "gossip cancels the rounding of its codec in the mean over the peers, so there is "
            "nothing to feed back; leave feedback out");
    }
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
