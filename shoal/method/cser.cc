// CSER, SGD with error reset (Xie et al. 2020, 2007.13221): every worker applies what its codec
// lost to its own model at once, so models part ways, and every H steps a second, compressed
// synchronisation takes back what has gathered.
//
//   PSync(v_i, C):  c_i = C(v_i), r_i = v_i - c_i, v'_i = mean_k c_k + r_i
//   p_i = lr g_i, or what momentum makes of it (M-CSER); gradients at the worker's own x_i
//   (p'_i, r_i) = PSync(p_i, C2)       x_i <- x_i - p'_i        e_i <- e_i - r_i
//   every H steps:
//   (e'_i, s_i) = PSync(e_i, C1)       x_i <- x_i - e_i + e'_i  e_i <- s_i
//
// C2 is [codec], or nothing at all when gradients = "local"; C1 is GRBS with ratio reset_ratio, or
// exact when that is 1: CSER-PL (partial local SGD). Special cases: no [codec] is synchronous SGD;
// gradients = "local" with reset_ratio = 1 is local SGD. mean_i x_i moves by -mean_i p_i, whatever
// the codecs drop, and is the model of the run. The guarantees of the paper are for workers with
// alike data; see the study.
//
// x_i - e_i is the same at all workers. It is kept as a vector of its own, which moves by means
// alone, so that rounding cannot part the workers however long a run is.
//
// Wire: a reduction of C2 every step, and of C1 every H steps. Memory of a worker: x, e, x - e, m.
#include "shoal/codec/composition.h"
#include "shoal/method/entries.h"
#include "shoal/method/exchange.h"
#include "shoal/method/reduction.h"
#include "shoal/method/replica.h"

namespace shoal {
namespace {

enum class GradientSync { kCodec, kLocal };

struct CserSettings {
  std::int64_t steps = 600;
  std::int64_t batch = 16;
  std::int64_t period = 16;
  double reset_ratio = 8.0;
  std::int64_t reset_blocks = 1024;
  GradientSync gradients = GradientSync::kCodec;
  CollectiveKind collective = CollectiveKind::kAuto;
  OptimizerSettings optimizer;
};

void describe(Settings& s, CserSettings& v) {
  s.integer("steps", v.steps, "steps every worker makes", {.range = at_least(1).up_to(1e9)});
  s.integer("batch", v.batch, "rows of a gradient; 0: all rows of the worker",
            {.range = at_least(0)});
  s.integer("period", v.period, "H: errors are reset after so many steps",
            {.range = at_least(1).up_to(1e9), .paper = "2007.13221"});
  s.real("reset_ratio", v.reset_ratio, "R1: a reset sends one block in so many; 1: all, CSER-PL",
         {.range = at_least(1).up_to(16777216)});
  s.integer("reset_blocks", v.reset_blocks, "blocks that a reset cuts the model into",
            {.range = at_least(1).up_to(16777216)});
  s.choice("gradients", v.gradients,
           "steps meet through [codec] every step, or stay local between resets",
           {{"codec", GradientSync::kCodec}, {"local", GradientSync::kLocal}});
  describe_collective(s, v.collective);
  describe(s, v.optimizer);
}

// GRBS of the reset, or none when it is exact.
Result<std::shared_ptr<const Codec>> reset_codec(const CserSettings& settings) {
  if (settings.reset_ratio == 1.0) return std::shared_ptr<const Codec>();
  Table table;
  table.set("kind", "grbs");
  table.set("compression_ratio", settings.reset_ratio);
  table.set("blocks", settings.reset_blocks);
  SHOAL_TRY(auto codec, make_codec(table, "[method] reset"));
  return std::shared_ptr<const Codec>(std::move(codec));
}

// The plan of PSync with the reset's codec.
Result<ReductionPlan> plan_reset(const MethodParts& parts, const CserSettings& settings,
                                 const Codec* codec) {
  MethodParts reset = parts;
  reset.codec = codec;
  reset.feedback = {};
  return plan_reduction(reset, settings.collective);
}

Status check_parts(const MethodParts& parts, const CserSettings& settings) {
  if (parts.make_rule)
    return unsupported(
        "CSER keeps its models together by the mean of all workers being exact; leave [rule] out");
  if (parts.feedback.kind != FeedbackKind::kNone)
    return unsupported(
        "CSER puts what the codec loses into the worker's own model in place of feedback; set "
        "feedback = \"none\"");
  if (settings.gradients == GradientSync::kLocal && parts.codec)
    return invalid_argument(
        "gradients = \"local\" sends none, so [codec] would do nothing; leave it out");
  if (!parts.codec) return ok_status();
  const Layout& layout = layout_of(parts);
  if (!parts.codec->properties(layout).contraction)
    return invalid_argument(
        "CSER needs a contractive codec, so that its errors stay bounded, and this one is not; use "
        "grbs, top_k or rand_k with scaled = false");
  return ok_status();
}

template <class Scalar>
struct CserJob {
  const Problem<Scalar>* problem;
  CserSettings settings;
  std::shared_ptr<const Codec> codec_of_reset;
  ReductionPlan steps;
  ReductionPlan resets;
};

template <class Scalar>
class CserWorker : public Persistent {
 public:
  CserWorker(const Node& node, const CserJob<Scalar>& job)
      : replica_(*job.problem, node.id(), node.seed(), static_cast<std::size_t>(job.settings.batch),
                 job.settings.optimizer, static_cast<Step>(job.settings.steps)),
        steps_(job.steps, node.id()),
        resets_(job.resets, node.id()),
        common_(job.problem->initial),
        error_(job.problem->dimension()) {}

  Replica<Scalar>& replica() { return replica_; }
  void propose(Step step) {
    replica_.propose(step);
    mean_ = replica_.update();
  }

  Task<bool> synchronise_step(Node& node, Step step) {
    const std::span<Scalar> mean(mean_);
    const bool complete = co_await steps_.mean(node, 2 * step, mean);
    if (complete) apply(steps_.own());
    co_return complete;
  }
  // Nothing is sent: all of the update is left to the worker itself.
  void keep_step() {
    std::fill(mean_.begin(), mean_.end(), Scalar{0});
    apply(mean_);
  }

  Task<bool> reset_error(Node& node, Step step) {
    mean_ = error_;
    const std::span<Scalar> mean(mean_);
    const bool complete = co_await resets_.mean(node, 2 * step + 1, mean);
    if (!complete) co_return false;
    const std::span<const Scalar> own = resets_.own();
    for (std::size_t i = 0; i < error_.size(); ++i) error_[i] -= own[i];
    move_common();
    co_return true;
  }

  void save(ByteWriter& out) const override {
    replica_.save(out);
    steps_.save(out);
    resets_.save(out);
    out.numbers<Scalar>(common_);
    out.numbers<Scalar>(error_);
  }
  Status load(ByteReader& in) override {
    SHOAL_TRY_STATUS(replica_.load(in));
    SHOAL_TRY_STATUS(steps_.load(in));
    SHOAL_TRY_STATUS(resets_.load(in));
    SHOAL_TRY_STATUS(in.numbers_into<Scalar>(common_));
    return in.numbers_into<Scalar>(error_);
  }

 private:
  // `own` of this worker's update went into the mean.
  void apply(std::span<const Scalar> own) {
    for (std::size_t i = 0; i < error_.size(); ++i) error_[i] += replica_.update()[i] - own[i];
    move_common();
  }
  // By the mean of what all have sent.
  void move_common() {
    std::vector<Scalar>& x = replica_.parameters();
    for (std::size_t i = 0; i < x.size(); ++i) {
      common_[i] += mean_[i];
      x[i] = common_[i] + error_[i];
    }
  }

  Replica<Scalar> replica_;
  Reduction<Scalar> steps_;
  Reduction<Scalar> resets_;
  std::vector<Scalar> common_;  // x - e
  std::vector<Scalar> error_;   // e
  std::vector<Scalar> mean_;    // of a reduction
};

template <class Scalar>
Task<> cser(Node& node, std::shared_ptr<const CserJob<Scalar>> job) {
  CserWorker<Scalar> worker(node, *job);
  node.keep(worker);
  const auto period = static_cast<Step>(job->settings.period);
  for (const Step step : node.steps(static_cast<Step>(job->settings.steps))) {
    std::function<void()> gradient = [&worker, step] { worker.propose(step); };
    co_await node.compute(worker.replica().work_flops(), std::move(gradient));
    node.count_gradients(worker.replica().gradients_of_step());

    bool complete = true;
    if (job->settings.gradients == GradientSync::kCodec)
      complete = co_await worker.synchronise_step(node, step);
    else
      worker.keep_step();
    if (complete && (step + 1) % period == 0) complete = co_await worker.reset_error(node, step);
    if (!complete) {
      show_end(node, step, "abandoned");
      co_return;
    }
    node.show(step, "train_loss", worker.replica().loss());
    if (node.wants_model(step)) node.show_model<Scalar>(step, worker.replica().parameters());
    node.step_done(step);
  }
}

class Cser : public Method {
 public:
  explicit Cser(const CserSettings& settings) : settings_(settings) {}

  std::size_t servers() const override { return 0; }
  Step length() const override { return static_cast<Step>(settings_.steps); }
  bool needs_topology() const override { return false; }

  Result<Program> prepare(const MethodParts& parts) const override {
    SHOAL_TRY_STATUS(check_parts(parts, settings_));
    if (parts.in_double) return prepare_in<double>(parts, *parts.in_double);
    return prepare_in<float>(parts, *parts.in_float);
  }
  Status newcomer() const override {
    return unsupported("a mean over all workers does not go on without one of them");
  }
  // Steps and errors alike: what a liar forges moves the common model at once, or at a reset.
  Result<std::vector<RowPlace>> rows(const MethodParts& parts) const override {
    const bool in_double = parts.in_double != nullptr;
    std::vector<RowPlace> places;
    if (settings_.gradients == GradientSync::kCodec) {
      SHOAL_TRY(const ReductionPlan steps, plan_reduction(parts, settings_.collective));
      SHOAL_TRY(RowPlace place, rows_of(steps, in_double, 2, 0));
      places.push_back(std::move(place));
    }
    SHOAL_TRY(const std::shared_ptr<const Codec> codec, reset_codec(settings_));
    SHOAL_TRY(const ReductionPlan resets, plan_reset(parts, settings_, codec.get()));
    SHOAL_TRY(RowPlace place, rows_of(resets, in_double, 2, 1));
    place.owner = codec;
    place.lossless = "set reset_ratio = 1";
    places.push_back(std::move(place));
    return places;
  }
  Result<ContentCheck> content_check(const MethodParts& parts) const override {
    if (parts.in_double) return check_content<double>(parts);
    return check_content<float>(parts);
  }

 private:
  template <class Scalar>
  Result<std::shared_ptr<const CserJob<Scalar>>> make_job(const MethodParts& parts) const {
    auto job = std::make_shared<CserJob<Scalar>>();
    job->settings = settings_;
    SHOAL_TRY(job->codec_of_reset, reset_codec(settings_));
    SHOAL_TRY(job->steps, plan_reduction(parts, settings_.collective));
    SHOAL_TRY(job->resets, plan_reset(parts, settings_, job->codec_of_reset.get()));
    return std::shared_ptr<const CserJob<Scalar>>(std::move(job));
  }
  template <class Scalar>
  Result<Program> prepare_in(const MethodParts& parts, const Problem<Scalar>& problem) const {
    SHOAL_TRY(const auto made, make_job<Scalar>(parts));
    auto job = std::make_shared<CserJob<Scalar>>(*made);
    job->problem = &problem;
    return Program([job](Node& node) { return cser<Scalar>(node, job); });
  }
  // Gathered messages have the round of their reduction. Pieces of an all-reduce have another, and
  // both checks take them alike.
  template <class Scalar>
  Result<ContentCheck> check_content(const MethodParts& parts) const {
    SHOAL_TRY(const auto job, make_job<Scalar>(parts));
    const ContentCheck steps = check_reduction<Scalar>(job->steps);
    const ContentCheck resets = check_reduction<Scalar>(job->resets);
    return ContentCheck([job, steps, resets](const Message& message, std::uint64_t rows_max) {
      return message.round() % 2 == 0 ? steps(message, rows_max) : resets(message, rows_max);
    });
  }

  CserSettings settings_;
};

Result<std::unique_ptr<Method>> make_cser(const CserSettings& settings) {
  return std::unique_ptr<Method>(std::make_unique<Cser>(settings));
}

}  // namespace

CatalogueEntry<Method> cser_entry() {
  return catalogue_entry<Method, CserSettings>(
      "cser", "what the codec loses moves the own model, and is reset every H steps", "2007.13221",
      &make_cser);
}

}  // namespace shoal
