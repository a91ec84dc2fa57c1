// RelaySGD (arXiv 2110.04175, algorithm 1): averages over a spanning tree with finite delay.
//
// Variants: `model` relays half-step models, x_i <- uniform average of delayed h_j; `model_overlap`
// averages with the messages of the step before while the gradient is computed (delays of one more
// step); `grad` relays updates, x_i += average, and needs no counts but never forgets a loss.
// With double binary trees even coordinates travel on one tree and odd ones on the other.
//
// A [codec] may only round (casts; row_format.h): what a message loses is relayed on to everybody.
// No mean is kept here as in gossip, and roundings of the models would add up step by step, to
// about the rounding divided by the learning rate. So the sender keeps what each message to each
// neighbour lost, and adds it to the next one: their sum stays below one rounding for ever.
//
// Wire, per directed edge and step: one relayed sum of the plane's d scalars (or as the codec
// writes them) and one count of 8 bytes, in a frame of 48. Peers of one edge send at the same time;
// nothing waits for this step's arrivals before sending, so the order of receives does not matter.
//
// Messages are dropped by drop_prob at the receiver (the paper's robustness runs) or by [faults].
#include <algorithm>
#include <fmt/format.h>

#include "shoal/graph/trees.h"
#include "shoal/method/entries.h"
#include "shoal/method/exchange.h"
#include "shoal/method/relay.h"
#include "shoal/method/replica.h"
#include "shoal/method/row_format.h"

namespace shoal {
namespace {

constexpr Tag kRelay = tag("relay");

enum class RelayVariant { kModel, kModelOverlap, kGrad };

struct RelaySettings {
  RelayVariant variant = RelayVariant::kModel;
  RelayFallback fallback = RelayFallback::kOwn;
  bool spanning_tree = false;
  std::int64_t root = 0;
  double drop_prob = 0.0;
  std::int64_t steps = 600;
  std::int64_t batch = 16;
  OptimizerSettings optimizer;
};

void describe(Settings& s, RelaySettings& v) {
  s.choice("variant", v.variant, "what is relayed, and when it is averaged",
           {{"model", RelayVariant::kModel},
            {"model_overlap", RelayVariant::kModelOverlap},
            {"grad", RelayVariant::kGrad}});
  s.choice("fallback", v.fallback, "what stands in for values that have not arrived",
           {{"own", RelayFallback::kOwn},
            {"ref_initial", RelayFallback::kRefInitial},
            {"ref_last", RelayFallback::kRefLast},
            {"counts", RelayFallback::kCounts}});
  s.flag("spanning_tree", v.spanning_tree,
         "relay over the breadth-first tree of the topology, which may then have cycles");
  s.integer("root", v.root, "root of that tree", {.range = at_least(0)});
  s.real("drop_prob", v.drop_prob, "chance that a received message is thrown away",
         {.range = at_least(0).below(1)});
  s.integer("steps", v.steps, "steps every peer makes", {.range = at_least(1).up_to(1e9)});
  s.integer("batch", v.batch, "rows of a gradient; 0: all rows of the peer",
            {.range = at_least(0)});
  describe(s, v.optimizer);
}

template <class Scalar>
struct RelayJob {
  const Problem<Scalar>* problem;
  RelaySettings settings;
  std::vector<Topology> planes;            // one tree, or two that share the coordinates
  std::vector<RowFormat<Scalar>> formats;  // of each plane
  double patience_s;
  CodecWork codec_work;
};

// The coordinates of a plane, of d in all.
std::size_t plane_size(std::size_t dimension, std::size_t planes, std::size_t plane) {
  return (dimension + planes - 1 - plane) / planes;
}
// How the sums of a plane are written: one of two planes is a vector of its own.
Layout plane_layout(const MethodParts& parts, std::size_t planes, std::size_t plane) {
  const Layout& whole = layout_of(parts);
  if (planes == 1) return whole;
  Layout layout;
  layout.add("plane", {static_cast<std::uint32_t>(plane_size(whole.size(), planes, plane))});
  return layout;
}
template <class Scalar>
RowFormat<Scalar> plane_format(const MethodParts& parts, std::size_t planes, std::size_t plane) {
  return {parts.codec, plane_layout(parts, planes, plane), parts.seed};
}

// Coordinates p, p + planes, p + 2 planes, ... of a vector, and back.
template <class Scalar>
void take_plane(std::span<const Scalar> whole, std::size_t plane, std::size_t planes,
                std::vector<Scalar>& part) {
  part.clear();
  for (std::size_t i = plane; i < whole.size(); i += planes) part.push_back(whole[i]);
}
template <class Scalar>
void put_plane(std::span<const Scalar> part, std::size_t plane, std::size_t planes,
               std::span<Scalar> whole) {
  for (std::size_t i = plane, k = 0; i < whole.size(); i += planes, ++k) whole[i] = part[k];
}

// The sum that a message carries; one that is not finite is none.
template <class Scalar>
Status read_sum(const RowFormat<Scalar>& format, const Message& message, std::span<Scalar> sum) {
  SHOAL_TRY(const ByteView bytes, message.tensor("sum"));
  return format.read(bytes, message.round(), sum);
}

// One worker: its replica and one relay a plane.
template <class Scalar>
class RelayWorker : public Persistent {
 public:
  RelayWorker(const Node& node, const RelayJob<Scalar>& job)
      : job_(job),
        id_(node.id()),
        seed_(node.seed()),
        replica_(*job.problem, node.id(), node.seed(), static_cast<std::size_t>(job.settings.batch),
                 job.settings.optimizer, static_cast<Step>(job.settings.steps)),
        reference_(job.problem->initial) {
    const std::size_t planes = job.planes.size();
    const std::size_t d = job.problem->dimension();
    for (std::size_t p = 0; p < planes; ++p) {
      const auto& neighbors = job.planes[p].out[id_];
      const std::size_t size = plane_size(d, planes, p);
      relays_.emplace_back(job.planes[p].size(), neighbors, size);
      lost_.emplace_back(job.formats[p].is_encoded() ? neighbors.size() : 0,
                         std::vector<Scalar>(size));
    }
    before_ = relays_;
  }

  Replica<Scalar>& replica() { return replica_; }

  // Of a step: the gradient, and an encoding and a decoding for every neighbour.
  double work_flops() const {
    double entries = 0.0;
    for (const Topology& plane : job_.planes)
      entries += static_cast<double>(plane.out[id_].size() * job_.problem->dimension()) /
                 static_cast<double>(job_.planes.size());
    const CodecWork& work = job_.codec_work;
    return replica_.work_flops() +
           entries * (work.encode_flops_per_entry + work.decode_flops_per_entry);
  }

  // Inside compute(): the gradient and, from it, the value h that this step relays.
  void local_step(Step step) {
    replica_.propose(step);
    value_ = replica_.update();
    if (job_.settings.variant == RelayVariant::kGrad) return;
    for (std::size_t i = 0; i < value_.size(); ++i) value_[i] += replica_.parameters()[i];
  }

  // The frames for the neighbours of one plane; fewer when a sum has no encoding.
  std::vector<Frame> outgoing(Step step, std::size_t plane) {
    Relay<Scalar>& relay = relays_[plane];
    take_plane<Scalar>(value_, plane, relays_.size(), part_);
    if (overlapped()) before_[plane] = relay;  // averaged with what the step before brought
    relay.begin(part_);
    std::vector<Frame> frames;
    std::vector<Scalar> sum(part_.size());
    ByteWriter bytes;
    for (std::size_t k = 0; k < job_.planes[plane].out[id_].size(); ++k) {
      std::uint64_t count = 0;
      relay.outgoing(k, sum, count);
      bytes.clear();
      if (!write(step, plane, k, sum, bytes)) break;
      MessageBuilder message(kRelay, message_round(step, plane));
      message.tensor("sum", bytes.bytes()).count("count", count);
      frames.push_back(message.finish());
    }
    return frames;
  }

  // Every step and plane has a round of its own.
  Step message_round(Step step, std::size_t plane) const {
    return static_cast<Step>(step * job_.planes.size() + plane);
  }

  // Takes in what came and averages this plane; returns how many messages were lost.
  std::size_t absorb(Step step, std::size_t plane, const Arrivals& arrivals) {
    Relay<Scalar>& relay = relays_[plane];
    const auto& neighbors = job_.planes[plane].out[id_];
    take_plane<Scalar>(value_, plane, relays_.size(), part_);
    std::vector<Scalar> sum(part_.size());
    RandomStream drops(seed_, purpose("relay drop"), id_, message_round(step, plane));
    std::size_t used = 0;
    std::size_t k = 0;
    for (const Message& message : arrivals.messages) {
      while (neighbors[k] != message.sender()) ++k;
      const bool dropped = drops.uniform() < job_.settings.drop_prob;
      const auto count = message.count("count");
      if (dropped || !count.ok() || *count >= job_.planes[plane].size()) continue;
      if (!read_sum<Scalar>(job_.formats[plane], message, sum).ok()) continue;
      relay.accept(k, sum, *count);
      ++used;
    }
    average(plane, overlapped() ? before_[plane] : relay);
    return neighbors.size() - used;
  }

  void end_step() {
    if (job_.settings.fallback == RelayFallback::kRefLast) reference_ = replica_.parameters();
  }

  void save(ByteWriter& out) const override {
    replica_.save(out);
    for (const auto& relay : relays_) relay.save(out);
    for (const auto& plane : lost_)
      for (const auto& lost : plane) out.numbers<Scalar>(lost);
    out.numbers<Scalar>(reference_);
  }
  Status load(ByteReader& in) override {
    SHOAL_TRY_STATUS(replica_.load(in));
    for (auto& relay : relays_) SHOAL_TRY_STATUS(relay.load(in));
    for (auto& plane : lost_)
      for (auto& lost : plane) SHOAL_TRY_STATUS(in.numbers_into<Scalar>(lost));
    return in.numbers_into<Scalar>(reference_);
  }

 private:
  bool overlapped() const { return job_.settings.variant == RelayVariant::kModelOverlap; }

  // A sum for neighbour number k; whether it has an encoding.
  bool write(Step step, std::size_t plane, std::size_t k, std::vector<Scalar>& sum,
             ByteWriter& out) {
    const RowFormat<Scalar>& format = job_.formats[plane];
    if (!format.is_encoded()) {
      out.raw(std::as_bytes(std::span<const Scalar>(sum)));
      return true;
    }
    std::vector<Scalar>& lost = lost_[plane][k];
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += lost[i];
    if (!format.write(sum, id_, message_round(step, plane), out, lost).ok()) return false;
    for (std::size_t i = 0; i < sum.size(); ++i) lost[i] = sum[i] - lost[i];
    return true;
  }

  void average(std::size_t plane, const Relay<Scalar>& relay) {
    std::vector<Scalar> result(part_.size());
    std::vector<Scalar> other;
    auto& x = replica_.parameters();
    if (job_.settings.variant == RelayVariant::kGrad) {
      relay.average_updates(part_, result);
      take_plane<Scalar>(x, plane, relays_.size(), other);
      for (std::size_t i = 0; i < result.size(); ++i) result[i] += other[i];
    } else {
      take_plane<Scalar>(reference_, plane, relays_.size(), other);
      relay.average(job_.settings.fallback, part_, other, result);
    }
    put_plane<Scalar>(result, plane, relays_.size(), x);
  }

  const RelayJob<Scalar>& job_;
  NodeId id_;
  std::uint64_t seed_;
  Replica<Scalar> replica_;
  std::vector<Relay<Scalar>> relays_;
  std::vector<Relay<Scalar>> before_;  // only used when overlapped
  // What the codec left out of the last message of each plane to each neighbour.
  std::vector<std::vector<std::vector<Scalar>>> lost_;
  std::vector<Scalar> reference_;
  std::vector<Scalar> value_;
  std::vector<Scalar> part_;
};

template <class Scalar>
Task<> relay_sgd(Node& node, std::shared_ptr<const RelayJob<Scalar>> job) {
  RelayWorker<Scalar> worker(node, *job);
  node.keep(worker);
  for (const Step step : node.steps(static_cast<Step>(job->settings.steps))) {
    std::function<void()> local_step = [&worker, step] { worker.local_step(step); };
    co_await node.compute(worker.work_flops(), std::move(local_step));
    node.count_gradients(worker.replica().gradients_of_step());

    for (std::size_t plane = 0; plane < job->planes.size(); ++plane) {
      const std::vector<NodeId>& neighbors = job->planes[plane].out[node.id()];
      const std::vector<Frame> frames = worker.outgoing(step, plane);
      if (frames.size() < neighbors.size()) {
        show_end(node, step, "diverged");
        co_return;
      }
      for (std::size_t k = 0; k < neighbors.size(); ++k)
        co_await node.send(neighbors[k], frames[k]);
    }
    std::size_t lost = 0;
    for (std::size_t plane = 0; plane < job->planes.size(); ++plane) {
      const std::vector<NodeId>& neighbors = job->planes[plane].out[node.id()];
      const Until until(job->patience_s);
      const Arrivals arrivals =
          co_await node.gather(kRelay, worker.message_round(step, plane), neighbors, until);
      lost += worker.absorb(step, plane, arrivals);
    }
    worker.end_step();

    if (lost > 0) node.show(step, "missing", static_cast<double>(lost));
    node.show(step, "train_loss", worker.replica().loss());
    if (node.wants_model(step)) node.show_model<Scalar>(step, worker.replica().parameters());
    node.step_done(step);
  }
}

class RelaySgd : public Method {
 public:
  explicit RelaySgd(const RelaySettings& settings) : settings_(settings) {}

  std::size_t servers() const override { return 0; }
  Step length() const override { return static_cast<Step>(settings_.steps); }
  bool needs_topology() const override { return true; }

  Result<Program> prepare(const MethodParts& parts) const override {
    if (parts.make_rule)
      return unsupported("RelaySGD averages uniformly over its tree; leave [rule] out");
    if (!settings_.spanning_tree) {
      for (const Topology& tree : planes_of(*parts.topology)) {
        if (auto status = check_tree(tree); !status.ok())
          return invalid_argument(
              fmt::format("RelaySum needs a tree: {}; spanning_tree = true takes one out of it",
                          status.error().message));
      }
    } else if (settings_.root >= static_cast<std::int64_t>(parts.topology->size())) {
      return invalid_argument(fmt::format("root = {} of a topology of {} nodes", settings_.root,
                                          parts.topology->size()));
    }
    if (parts.in_double) return prepare_in<double>(parts, *parts.in_double);
    return prepare_in<float>(parts, *parts.in_float);
  }

  // A liar forges the sum that it relays, and with it the models of all workers behind it; the
  // count stands. It tells every neighbour something else, so none of that is its own row.
  Result<std::vector<RowPlace>> rows(const MethodParts& parts) const override {
    const std::size_t planes = planes_in(parts);
    std::vector<RowPlace> places(planes);
    for (std::size_t plane = 0; plane < planes; ++plane) {
      RowPlace& place = places[plane];
      place.tag = kRelay;
      place.rounds_per_step = static_cast<Step>(planes);
      place.phase = static_cast<Step>(plane);
      place.parts = {"sum"};
      place.layout = plane_layout(parts, planes, plane);
      place.codec = parts.codec;
      place.in_double = parts.in_double != nullptr;
      place.one_for_all = false;
    }
    return places;
  }

  Status newcomer() const override {
    return unsupported(
        "RelaySGD needs the sums that each neighbour has relayed to this worker, and they are "
        "nowhere else");
  }

  Result<ContentCheck> content_check(const MethodParts& parts) const override {
    if (parts.in_double) return check_sum(parts, *parts.in_double, planes_in(parts));
    return check_sum(parts, *parts.in_float, planes_in(parts));
  }

 private:
  std::size_t planes_in(const MethodParts& parts) const {
    return settings_.spanning_tree ? 1 : planes_of(*parts.topology).size();
  }

  template <class Scalar>
  Status check_codec(const MethodParts& parts, const Problem<Scalar>& problem) const {
    if (!parts.codec) return ok_status();
    if (parts.feedback.kind != FeedbackKind::kNone)
      return unsupported(
          "what a cast leaves out of a relayed sum is in the next one already; leave feedback out");
    return check_only_rounds(*parts.codec, problem.models->layout(),
                             "relayed sums hold the models of all workers behind an edge, and "
                             "every worker on the way would lose a share of them again");
  }

  template <class Scalar>
  Result<Program> prepare_in(const MethodParts& parts, const Problem<Scalar>& problem) const {
    if (problem.workers() < 2) return invalid_argument("RelaySum needs at least 2 workers");
    SHOAL_TRY_STATUS(check_codec(parts, problem));
    auto job = std::make_shared<RelayJob<Scalar>>();
    job->problem = &problem;
    job->settings = settings_;
    job->patience_s = parts.patience_s;
    job->codec_work = parts.codec_work;
    if (settings_.spanning_tree) {
      SHOAL_TRY(Topology tree, spanning_tree(*parts.topology, static_cast<NodeId>(settings_.root)));
      job->planes.push_back(std::move(tree));
    } else {
      const auto planes = planes_of(*parts.topology);
      job->planes.assign(planes.begin(), planes.end());
    }
    for (std::size_t plane = 0; plane < job->planes.size(); ++plane)
      job->formats.push_back(plane_format<Scalar>(parts, job->planes.size(), plane));
    return Program([job](Node& node) { return relay_sgd<Scalar>(node, job); });
  }

  // Of a plane, which the round tells (message_round).
  template <class Scalar>
  static ContentCheck check_sum(const MethodParts& parts, const Problem<Scalar>& problem,
                                std::size_t planes) {
    std::vector<RowFormat<Scalar>> formats;
    for (std::size_t plane = 0; plane < planes; ++plane)
      formats.push_back(plane_format<Scalar>(parts, planes, plane));
    return [formats, dimension = problem.dimension()](const Message& message, auto) {
      const std::size_t plane = message.round() % formats.size();
      const std::size_t size = plane_size(dimension, formats.size(), plane);
      if (!formats[plane].is_encoded()) return check_vector<Scalar>(message, "sum", size);
      std::vector<Scalar> sum(size);
      return read_sum<Scalar>(formats[plane], message, sum);
    };
  }

  RelaySettings settings_;
};

Result<std::unique_ptr<Method>> make_relaysgd(const RelaySettings& settings) {
  return std::unique_ptr<Method>(std::make_unique<RelaySgd>(settings));
}

}  // namespace

CatalogueEntry<Method> relaysgd_entry() {
  return catalogue_entry<Method, RelaySettings>(
      "relaysgd", "peers on a tree relay sums: an exact uniform average of delayed models",
      "2110.04175", &make_relaysgd);
}

}  // namespace shoal
