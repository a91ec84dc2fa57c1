// All-reduce SGD: every worker steps with the mean of all gradients, as far as [codec] carries it,
// or with what a [rule] makes of them. Without either it is the reference that other methods are
// compared with. Replicas stay bit-identical. Momentum comes after the mean.
//
//   dense all-reduce SGD 1706.02677; with a codec D-QSGD, and with its feedback D-EF-SGD, EF21,
//   EControl, DIANA and its relatives (codec/feedback.h), rows being gradients
//
// [accordion] (accordion.h) changes the codec on the way, or the batch: then the run ends when as
// many rows have been looked at as `steps` of the small batch would have.
//
// Wire and time: those of the reduction (reduction.h), once a step. A worker that does not hear
// from its partner within the patience leaves, and so, one after another, do all: a collective has
// no way to go on without a member.
#include <algorithm>
#include <fmt/format.h>
#include <optional>

#include "shoal/method/accordion_reduction.h"
#include "shoal/method/entries.h"
#include "shoal/method/exchange.h"
#include "shoal/method/reduction.h"
#include "shoal/method/replica.h"

namespace shoal {
namespace {

struct AllReduceSettings {
  CollectiveKind collective = CollectiveKind::kAuto;
  std::int64_t steps = 600;
  std::int64_t batch = 16;
  double gradient_noise = 0.0;
  OptimizerSettings optimizer;
};

void describe(Settings& s, AllReduceSettings& v) {
  describe_collective(s, v.collective);
  s.integer("steps", v.steps, "steps every worker makes", {.range = at_least(1).up_to(1e9)});
  s.integer("batch", v.batch, "rows of a gradient; 0: all rows of the worker",
            {.range = at_least(0)});
  s.real("gradient_noise", v.gradient_noise,
         "standard deviation of normal noise added to every entry of a gradient: for problems "
         "without noise of their own",
         {.range = at_least(0), .paper = "2311.05645"});
  describe(s, v.optimizer);
}

template <class Scalar>
struct AllReduceJob {
  const Problem<Scalar>* problem;
  AllReduceSettings settings;
  ReductionPlan plan;
  std::optional<AccordionPlan> accordion;  // of the codec
  AccordionSettings batches;               // of the batch, when large_batch > 0
  std::size_t rows_max = 0;                // of a worker
};

std::size_t steps_of(std::size_t rows, std::size_t batch) {
  return batch == 0 ? 1 : (rows + batch - 1) / batch;
}

template <class Scalar>
class Worker : public Persistent {
 public:
  Worker(const Node& node, const AllReduceJob<Scalar>& job)
      : id_(node.id()),
        seed_(node.seed()),
        noise_(job.settings.gradient_noise),
        replica_(*job.problem, node.id(), node.seed(), static_cast<std::size_t>(job.settings.batch),
                 OptimizerSettings{}, static_cast<Step>(job.settings.steps)),
        optimizer_(job.settings.optimizer),
        job_(job) {
    if (job.accordion)
      reduction_ = std::make_unique<AccordionReduction<Scalar>>(*job.accordion, node.id());
    else
      reduction_ = std::make_unique<Reduction<Scalar>>(job.plan, node.id());
    if (job.batches.large_batch > 0)
      batches_.emplace(job.batches, std::vector<LayerPart>{{0, job.problem->dimension()}});
  }

  Replica<Scalar>& replica() { return replica_; }
  Reducing<Scalar>& reduction() { return *reduction_; }
  // This worker's gradient, then the mean of all.
  std::span<Scalar> gradient() { return gradient_; }

  void local_gradient(Step step) {
    if (batches_) replica_.set_batch(batch());
    replica_.compute_gradient(step);
    gradient_ = replica_.gradient();
    if (noise_ == 0.0) return;
    RandomStream stream(seed_, purpose("gradient noise"), id_, step);
    for (Scalar& value : gradient_) value += static_cast<Scalar>(noise_ * stream.normal());
  }
  // Modelled operations of the next gradient.
  double work_flops() {
    if (batches_) replica_.set_batch(batch());
    return replica_.work_flops();
  }
  double rate_factor() const { return grown() ? job_.batches.large_batch_rate : 1.0; }
  void step(double learning_rate) {
    optimizer_.step(learning_rate, gradient_, gradient_);
    for (std::size_t i = 0; i < gradient_.size(); ++i) replica_.parameters()[i] += gradient_[i];
  }

  // Whether all rows of the run have been looked at, with this step's.
  bool counts_rows(Step step) {
    rows_ += batch();
    const auto steps = static_cast<std::uint64_t>(job_.settings.steps);
    if (!batches_) return step + 1 == steps;
    return rows_ >= steps * static_cast<std::uint64_t>(job_.settings.batch);
  }
  Task<bool> agree_on_batch(Node& node, Step step, std::span<const Scalar> mean) {
    if (!batches_) co_return true;
    if (job_.batches.norm_source == NormSource::kReducedGradient) batches_->accumulate(mean);
    if (!batches_->end_step(steps_of(job_.rows_max, batch()))) co_return true;
    const bool agreed = co_await agree(node, job_.batches, job_.problem->workers(), *batches_, step,
                                       job_.plan.patience_s);
    co_return agreed;
  }
  void look_at_gradient() {
    const NormSource source = job_.batches.norm_source;
    const bool looked_at =
        source == NormSource::kMeanOfWorkers || (source == NormSource::kWorker0 && id_ == 0);
    const std::span<const Scalar> gradient(gradient_);
    if (batches_ && looked_at) batches_->accumulate(gradient);
  }
  void learning_rate(double rate) {
    reduction_->learning_rate(rate);
    if (batches_) batches_->learning_rate(rate);
  }
  void show(Node& node, Step step) const {
    reduction_->show(node, step);
    if (batches_) node.show(step, "batch", static_cast<double>(batch()));
  }

  void save(ByteWriter& out) const override {
    replica_.save(out);
    reduction_->save(out);
    optimizer_.save(out);
    if (batches_) batches_->save(out);
    out.number<std::uint64_t>(rows_);
  }
  Status load(ByteReader& in) override {
    SHOAL_TRY_STATUS(replica_.load(in));
    SHOAL_TRY_STATUS(reduction_->load(in));
    SHOAL_TRY_STATUS(optimizer_.load(in));
    if (batches_) SHOAL_TRY_STATUS(batches_->load(in));
    SHOAL_TRY(rows_, in.number<std::uint64_t>());
    return ok_status();
  }

 private:
  bool grown() const { return batches_ && batches_->hard().front(); }
  std::size_t batch() const {
    return static_cast<std::size_t>(grown() ? job_.batches.large_batch : job_.settings.batch);
  }

  NodeId id_;
  std::uint64_t seed_;
  double noise_;
  Replica<Scalar> replica_;
  std::unique_ptr<Reducing<Scalar>> reduction_;
  LocalOptimizer<Scalar> optimizer_;
  const AllReduceJob<Scalar>& job_;
  std::optional<AccordionPolicy> batches_;
  std::uint64_t rows_ = 0;  // that a worker has looked at, at nominal batches
  std::vector<Scalar> gradient_;
};

template <class Scalar>
Task<> all_reduce_sgd(Node& node, std::shared_ptr<const AllReduceJob<Scalar>> job) {
  Worker<Scalar> worker(node, *job);
  node.keep(worker);
  const auto steps = static_cast<Step>(job->settings.steps);
  for (const Step step : node.steps(steps)) {
    std::function<void()> gradient = [&worker, step] { worker.local_gradient(step); };
    co_await node.compute(worker.work_flops(), std::move(gradient));
    node.count_gradients(worker.replica().gradients_of_step());
    const double rate = learning_rate_at(job->settings.optimizer, step, steps);
    worker.learning_rate(rate);
    worker.look_at_gradient();

    const std::span<Scalar> mean = worker.gradient();
    bool complete = co_await worker.reduction().mean(node, step, mean);
    const double factor = worker.rate_factor();
    const bool last = worker.counts_rows(step);
    worker.show(node, step);
    if (complete) complete = co_await worker.agree_on_batch(node, step, mean);
    if (!complete) {
      show_end(node, step, "abandoned");
      co_return;
    }
    worker.step(rate * factor);

    node.show(step, "train_loss", worker.replica().loss());
    if (node.wants_model(step) || last)
      node.show_model<Scalar>(step, worker.replica().parameters());
    node.step_done(step);
    if (last && step + 1 < steps) {
      node.end_steps();
      co_return;
    }
  }
}

class AllReduceSgd : public Method {
 public:
  explicit AllReduceSgd(const AllReduceSettings& settings) : settings_(settings) {}

  std::size_t servers() const override { return 0; }
  Step length() const override { return static_cast<Step>(settings_.steps); }
  bool needs_topology() const override { return false; }
  bool takes_accordion() const override { return true; }

  Result<Program> prepare(const MethodParts& parts) const override {
    if (parts.in_double) return prepare_in<double>(parts, *parts.in_double);
    return prepare_in<float>(parts, *parts.in_float);
  }

  Status newcomer() const override {
    return unsupported("all-reduce does not go on without a member, so there is no run to come to");
  }

  Result<ContentCheck> content_check(const MethodParts& parts) const override {
    if (!parts.accordion.hard.empty()) {
      SHOAL_TRY(const AccordionPlan plan, plan_accordion(parts, settings_.collective, 1));
      return parts.in_double ? check_accordion<double>(plan) : check_accordion<float>(plan);
    }
    SHOAL_TRY(const ReductionPlan plan, plan_reduction(parts, settings_.collective));
    return parts.in_double ? check_reduction<double>(plan) : check_reduction<float>(plan);
  }

  Result<std::vector<RowPlace>> rows(const MethodParts& parts) const override {
    if (!parts.accordion.hard.empty())
      return unsupported(
          "attacks know one codec, and [accordion] changes it on the way; leave one of them out");
    SHOAL_TRY(const ReductionPlan plan, plan_reduction(parts, settings_.collective));
    SHOAL_TRY(RowPlace place, rows_of(plan, parts.in_double != nullptr));
    return std::vector<RowPlace>{std::move(place)};
  }

 private:
  template <class Scalar>
  Result<Program> prepare_in(const MethodParts& parts, const Problem<Scalar>& problem) const {
    auto job = std::make_shared<AllReduceJob<Scalar>>();
    job->problem = &problem;
    job->settings = settings_;
    SHOAL_TRY(job->plan, plan_reduction(parts, settings_.collective));
    for (const Rows& rows : problem.rows) job->rows_max = std::max(job->rows_max, rows.size());
    if (!parts.accordion.hard.empty()) {
      const auto batch = static_cast<std::size_t>(settings_.batch);
      SHOAL_TRY(job->accordion,
                plan_accordion(parts, settings_.collective, steps_of(job->rows_max, batch)));
    } else if (parts.accordion.large_batch > 0) {
      if (parts.accordion.large_batch <= settings_.batch || settings_.batch == 0)
        return invalid_argument(
            fmt::format("[accordion] large_batch = {} is not above [method] batch = {}",
                        parts.accordion.large_batch, settings_.batch));
      job->batches = parts.accordion;
    }
    return Program([job](Node& node) { return all_reduce_sgd<Scalar>(node, job); });
  }

  AllReduceSettings settings_;
};

Result<std::unique_ptr<Method>> make_all_reduce(const AllReduceSettings& settings) {
  return std::unique_ptr<Method>(std::make_unique<AllReduceSgd>(settings));
}

}  // namespace

CatalogueEntry<Method> all_reduce_sgd_entry() {
  return catalogue_entry<Method, AllReduceSettings>(
      "all_reduce_sgd", "synchronous SGD with the mean gradient: the reference", "1706.02677",
      &make_all_reduce);
}

}  // namespace shoal
