#include "shoal/method/local_sgd.h"

#include "shoal/method/entries.h"
#include "shoal/method/exchange.h"

namespace shoal {
namespace {

template <class Scalar>
struct AveragingJob {
  const Problem<Scalar>* problem;
  PeriodicAveragingSettings settings;
  LocalKind kind;
  ReductionPlan models;
  ReductionPlan second_rows;  // raw
};

template <class Scalar>
std::unique_ptr<LocalVariant<Scalar>> make_variant(const LocalKind& kind, std::size_t size) {
  if constexpr (std::is_same_v<Scalar, float>)
    return kind.in_float(size);
  else
    return kind.in_double(size);
}

template <class Scalar>
class AveragingWorker : public Persistent {
 public:
  AveragingWorker(const Node& node, const AveragingJob<Scalar>& job)
      : settings_(job.settings),
        replica_(*job.problem, node.id(), node.seed(), static_cast<std::size_t>(job.settings.batch),
                 job.kind.optimizer, static_cast<Step>(job.settings.steps)),
        variant_(make_variant<Scalar>(job.kind, job.problem->dimension())),
        models_(job.models, node.id()),
        second_rows_(job.second_rows, node.id()),
        common_(job.problem->initial) {}

  Replica<Scalar>& replica() { return replica_; }
  void local_step(Step step) { variant_->step(replica_, step); }
  bool averages_after(Step step) const {
    const auto synchronous = static_cast<Step>(settings_.synchronous_steps);
    if (step < synchronous) return true;
    return (step - synchronous + 1) % static_cast<Step>(settings_.period) == 0;
  }

  // Every worker's model and second row become the common ones. `step` keys the messages.
  Task<bool> average(Node& node, Step step) {
    difference_.resize(common_.size());
    for (std::size_t i = 0; i < common_.size(); ++i)
      difference_[i] = replica_.parameters()[i] - common_[i];
    const std::span<Scalar> difference(difference_);
    const bool models_met = co_await models_.mean(node, 2 * step, difference);
    if (!models_met) co_return false;
    const std::span<Scalar> second = variant_->second_row();
    if (!second.empty()) {
      const bool second_met = co_await second_rows_.mean(node, 2 * step + 1, second);
      if (!second_met) co_return false;
    }
    for (std::size_t i = 0; i < common_.size(); ++i) common_[i] += difference_[i];
    replica_.parameters() = common_;
    variant_->averaged();
    co_return true;
  }

  void save(ByteWriter& out) const override {
    replica_.save(out);
    variant_->save(out);
    models_.save(out);
    second_rows_.save(out);
    out.numbers<Scalar>(common_);
  }
  Status load(ByteReader& in) override {
    SHOAL_TRY_STATUS(replica_.load(in));
    SHOAL_TRY_STATUS(variant_->load(in));
    SHOAL_TRY_STATUS(models_.load(in));
    SHOAL_TRY_STATUS(second_rows_.load(in));
    return in.numbers_into<Scalar>(common_);
  }

 private:
  const PeriodicAveragingSettings& settings_;
  Replica<Scalar> replica_;
  std::unique_ptr<LocalVariant<Scalar>> variant_;
  Reduction<Scalar> models_;
  Reduction<Scalar> second_rows_;
  std::vector<Scalar> common_;
  std::vector<Scalar> difference_;
};

template <class Scalar>
Task<> periodic_averaging(Node& node, std::shared_ptr<const AveragingJob<Scalar>> job) {
  AveragingWorker<Scalar> worker(node, *job);
  node.keep(worker);
  for (const Step step : node.steps(static_cast<Step>(job->settings.steps))) {
    std::function<void()> local_step = [&worker, step] { worker.local_step(step); };
    co_await node.compute(worker.replica().work_flops(), std::move(local_step));
    node.count_gradients(worker.replica().gradients_of_step());

    if (worker.averages_after(step)) {
      const bool complete = co_await worker.average(node, step);
      if (!complete) {
        show_end(node, step, "abandoned");
        co_return;
      }
    }
    node.show(step, "train_loss", worker.replica().loss());
    if (node.wants_model(step)) node.show_model<Scalar>(step, worker.replica().parameters());
    node.step_done(step);
  }
}

class PeriodicAveraging : public Method {
 public:
  PeriodicAveraging(const PeriodicAveragingSettings& settings, LocalKind kind)
      : settings_(settings), kind_(std::move(kind)) {}

  std::size_t servers() const override { return 0; }
  Step length() const override { return static_cast<Step>(settings_.steps); }
  bool needs_topology() const override { return false; }

  Result<Program> prepare(const MethodParts& parts) const override {
    if (parts.in_double) return prepare_in<double>(parts, *parts.in_double);
    return prepare_in<float>(parts, *parts.in_float);
  }
  Status newcomer() const override {
    return unsupported("a mean over all workers does not go on without one of them");
  }
  Result<ContentCheck> content_check(const MethodParts& parts) const override {
    SHOAL_TRY(const ReductionPlan plan, plan_reduction(parts, settings_.collective));
    return parts.in_double ? check_reduction<double>(plan) : check_reduction<float>(plan);
  }

  // The second rows of a mean (A^2 of local_adaalter) are left alone.
  Result<std::vector<RowPlace>> rows(const MethodParts& parts) const override {
    SHOAL_TRY(const ReductionPlan plan, plan_reduction(parts, settings_.collective));
    SHOAL_TRY(RowPlace place, rows_of(plan, parts.in_double != nullptr, 2));
    return std::vector<RowPlace>{std::move(place)};
  }

 private:
  template <class Scalar>
  Result<Program> prepare_in(const MethodParts& parts, const Problem<Scalar>& problem) const {
    auto job = std::make_shared<AveragingJob<Scalar>>();
    job->problem = &problem;
    job->settings = settings_;
    job->kind = kind_;
    SHOAL_TRY(job->models, plan_reduction(parts, settings_.collective));
    SHOAL_TRY(job->second_rows, plan_raw_reduction(parts, settings_.collective));
    return Program([job](Node& node) { return periodic_averaging<Scalar>(node, job); });
  }

  PeriodicAveragingSettings settings_;
  LocalKind kind_;
};

template <class Scalar>
class LocalSgd : public LocalVariant<Scalar> {
 public:
  void step(Replica<Scalar>& replica, Step step) override {
    replica.propose(step);
    for (std::size_t i = 0; i < replica.parameters().size(); ++i)
      replica.parameters()[i] += replica.update()[i];
  }
  void save(ByteWriter&) const override {}
  Status load(ByteReader&) override { return ok_status(); }
};

struct LocalSgdSettings {
  PeriodicAveragingSettings averaging;
  OptimizerSettings optimizer;
};
void describe(Settings& s, LocalSgdSettings& v) {
  describe(s, v.averaging);
  describe(s, v.optimizer);
}

Result<std::unique_ptr<Method>> make_local_sgd(const LocalSgdSettings& settings) {
  LocalKind kind;
  kind.in_float = [](std::size_t) { return std::make_unique<LocalSgd<float>>(); };
  kind.in_double = [](std::size_t) { return std::make_unique<LocalSgd<double>>(); };
  kind.optimizer = settings.optimizer;
  return make_periodic_averaging(settings.averaging, std::move(kind));
}

}  // namespace

void describe(Settings& s, PeriodicAveragingSettings& v) {
  s.integer("steps", v.steps, "steps every worker makes", {.range = at_least(1).up_to(1e9)});
  s.integer("batch", v.batch, "rows of a gradient; 0: all rows of the worker",
            {.range = at_least(0)});
  s.integer("period", v.period, "H: a mean after so many steps", {.range = at_least(1).up_to(1e9)});
  s.integer("synchronous_steps", v.synchronous_steps, "the first so many steps average every time",
            {.range = at_least(0).up_to(1e9)});
  describe_collective(s, v.collective);
}

std::unique_ptr<Method> make_periodic_averaging(const PeriodicAveragingSettings& settings,
                                                LocalKind kind) {
  return std::make_unique<PeriodicAveraging>(settings, std::move(kind));
}

CatalogueEntry<Method> local_sgd_entry() {
  return catalogue_entry<Method, LocalSgdSettings>(
      "local_sgd", "workers step alone and average every H steps", "1805.09767", &make_local_sgd);
}

}  // namespace shoal
