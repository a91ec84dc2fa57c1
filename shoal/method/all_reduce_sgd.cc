// All-reduce SGD: every worker steps with the mean of all gradients, as far as [codec] carries it,
// or with what a [rule] makes of them. Without either it is the reference that other methods are
// compared with. Replicas stay bit-identical. Momentum comes after the mean.
//
//   dense all-reduce SGD 1706.02677; with a codec D-QSGD, and with its feedback D-EF-SGD, EF21,
//   EControl, DIANA and its relatives (codec/feedback.h), rows being gradients
//
// Wire and time: those of the reduction (reduction.h), once a step. A worker that does not hear
// from its partner within the patience leaves, and so, one after another, do all: a collective has
// no way to go on without a member.
#include "shoal/method/entries.h"
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
};

template <class Scalar>
class Worker : public Persistent {
 public:
  Worker(const Node& node, const AllReduceJob<Scalar>& job)
      : id_(node.id()),
        seed_(node.seed()),
        noise_(job.settings.gradient_noise),
        replica_(*job.problem, node.id(), node.seed(), static_cast<std::size_t>(job.settings.batch),
                 OptimizerSettings{}, static_cast<Step>(job.settings.steps)),
        reduction_(job.plan, node.id()),
        optimizer_(job.settings.optimizer) {}

  Replica<Scalar>& replica() { return replica_; }
  Reduction<Scalar>& reduction() { return reduction_; }
  // This worker's gradient, then the mean of all.
  std::span<Scalar> gradient() { return gradient_; }

  void local_gradient(Step step) {
    replica_.compute_gradient();
    gradient_ = replica_.gradient();
    if (noise_ == 0.0) return;
    RandomStream stream(seed_, purpose("gradient noise"), id_, step);
    for (Scalar& value : gradient_) value += static_cast<Scalar>(noise_ * stream.normal());
  }
  void step(double learning_rate) {
    optimizer_.step(learning_rate, gradient_, gradient_);
    for (std::size_t i = 0; i < gradient_.size(); ++i) replica_.parameters()[i] += gradient_[i];
  }

  void save(ByteWriter& out) const override {
    replica_.save(out);
    reduction_.save(out);
    optimizer_.save(out);
  }
  Status load(ByteReader& in) override {
    SHOAL_TRY_STATUS(replica_.load(in));
    SHOAL_TRY_STATUS(reduction_.load(in));
    return optimizer_.load(in);
  }

 private:
  NodeId id_;
  std::uint64_t seed_;
  double noise_;
  Replica<Scalar> replica_;
  Reduction<Scalar> reduction_;
  LocalOptimizer<Scalar> optimizer_;
  std::vector<Scalar> gradient_;
};

template <class Scalar>
Task<> all_reduce_sgd(Node& node, std::shared_ptr<const AllReduceJob<Scalar>> job) {
  Worker<Scalar> worker(node, *job);
  node.keep(worker);
  const auto steps = static_cast<Step>(job->settings.steps);
  for (const Step step : node.steps(steps)) {
    std::function<void()> gradient = [&worker, step] { worker.local_gradient(step); };
    co_await node.compute(worker.replica().work_flops(), std::move(gradient));
    node.count_gradients(worker.replica().gradients_of_step());

    const bool complete = co_await worker.reduction().mean(node, step, worker.gradient());
    if (!complete) {
      node.show(step, "abandoned", 1.0);
      co_return;
    }
    worker.step(learning_rate_at(job->settings.optimizer, step, steps));

    node.show(step, "train_loss", worker.replica().loss());
    if (node.wants_model(step)) node.show_model<Scalar>(step, worker.replica().parameters());
    node.step_done(step);
  }
}

class AllReduceSgd : public Method {
 public:
  explicit AllReduceSgd(const AllReduceSettings& settings) : settings_(settings) {}

  std::size_t servers() const override { return 0; }
  Step length() const override { return static_cast<Step>(settings_.steps); }
  bool needs_topology() const override { return false; }

  Result<Program> prepare(const MethodParts& parts) const override {
    if (parts.in_double) return prepare_in<double>(parts, *parts.in_double);
    return prepare_in<float>(parts, *parts.in_float);
  }

  Status newcomer() const override {
    return unsupported("all-reduce does not go on without a member, so there is no run to come to");
  }

  Result<ContentCheck> content_check(const MethodParts& parts) const override {
    SHOAL_TRY(const ReductionPlan plan, plan_reduction(parts, settings_.collective));
    return parts.in_double ? check_reduction<double>(plan) : check_reduction<float>(plan);
  }

 private:
  template <class Scalar>
  Result<Program> prepare_in(const MethodParts& parts, const Problem<Scalar>& problem) const {
    auto job = std::make_shared<AllReduceJob<Scalar>>();
    job->problem = &problem;
    job->settings = settings_;
    SHOAL_TRY(job->plan, plan_reduction(parts, settings_.collective));
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
