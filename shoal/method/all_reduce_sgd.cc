// All-reduce SGD: every worker steps with the mean of all gradients. The reference that other
// methods are compared with; its replicas stay bit-identical.
//
// Wire and time: those of the collective (collectives.h), once a step. A worker that does not hear
// from its partner within the patience leaves, and so, one after another, do all: a collective has
// no way to go on without a member.
#include <fmt/format.h>

#include "shoal/method/collectives.h"
#include "shoal/method/entries.h"
#include "shoal/method/exchange.h"
#include "shoal/method/replica.h"

namespace shoal {
namespace {

enum class CollectiveKind { kRing, kBinomial };

struct AllReduceSettings {
  CollectiveKind collective = CollectiveKind::kRing;
  std::int64_t steps = 600;
  std::int64_t batch = 16;
  OptimizerSettings optimizer;
};

void describe(Settings& s, AllReduceSettings& v) {
  s.choice("collective", v.collective, "how the sum is formed",
           {{"ring", CollectiveKind::kRing}, {"binomial", CollectiveKind::kBinomial}});
  s.integer("steps", v.steps, "steps every worker makes", {.range = at_least(1).up_to(1e9)});
  s.integer("batch", v.batch, "rows of a gradient; 0: all rows of the worker",
            {.range = at_least(0)});
  describe(s, v.optimizer);
}

template <class Scalar>
struct AllReduceJob {
  const Problem<Scalar>* problem;
  AllReduceSettings settings;
  double patience_s;
};

template <class Scalar>
class Worker : public Persistent {
 public:
  Worker(const Node& node, const AllReduceJob<Scalar>& job)
      : workers_(job.problem->workers()),
        replica_(*job.problem, node.id(), node.seed(), static_cast<std::size_t>(job.settings.batch),
                 OptimizerSettings{}, static_cast<Step>(job.settings.steps)),
        optimizer_(job.settings.optimizer) {}

  Replica<Scalar>& replica() { return replica_; }
  std::span<Scalar> sum() { return sum_; }

  void local_gradient() {
    replica_.compute_gradient();
    sum_ = replica_.gradient();
  }
  void step(double learning_rate) {
    const auto share = Scalar{1} / static_cast<Scalar>(workers_);
    for (Scalar& value : sum_) value *= share;
    optimizer_.step(learning_rate, sum_, sum_);
    for (std::size_t i = 0; i < sum_.size(); ++i) replica_.parameters()[i] += sum_[i];
  }

  void save(ByteWriter& out) const override {
    replica_.save(out);
    optimizer_.save(out);
  }
  Status load(ByteReader& in) override {
    SHOAL_TRY_STATUS(replica_.load(in));
    return optimizer_.load(in);
  }

 private:
  std::size_t workers_;
  Replica<Scalar> replica_;
  LocalOptimizer<Scalar> optimizer_;
  std::vector<Scalar> sum_;
};

template <class Scalar>
Task<> all_reduce_sgd(Node& node, std::shared_ptr<const AllReduceJob<Scalar>> job) {
  Worker<Scalar> worker(node, *job);
  node.keep(worker);
  const std::size_t nodes = job->problem->workers();
  const auto steps = static_cast<Step>(job->settings.steps);
  for (const Step step : node.steps(steps)) {
    std::function<void()> gradient = [&worker] { worker.local_gradient(); };
    co_await node.compute(worker.replica().work_flops(), std::move(gradient));
    node.count_gradients(worker.replica().gradients_of_step());

    bool complete = false;
    if (job->settings.collective == CollectiveKind::kRing)
      complete = co_await ring_all_reduce(node, nodes, worker.sum(), step, job->patience_s);
    else
      complete = co_await binomial_all_reduce(node, nodes, worker.sum(), step, job->patience_s);
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
    if (parts.codec) return unsupported("all-reduce sums floats on the way; leave [codec] out");
    if (parts.make_rule) return unsupported("all-reduce knows only the mean; leave [rule] out");
    if (parts.workers() < 2) return invalid_argument("all-reduce needs at least 2 workers");
    if (parts.in_double) return prepare_in<double>(parts, *parts.in_double);
    return prepare_in<float>(parts, *parts.in_float);
  }

  Status newcomer() const override {
    return unsupported("all-reduce does not go on without a member, so there is no run to come to");
  }

  Result<ContentCheck> content_check(const MethodParts& parts) const override {
    if (parts.in_double) return check_piece<double>(parts.in_double->dimension());
    return check_piece<float>(parts.in_float->dimension());
  }

 private:
  template <class Scalar>
  Result<Program> prepare_in(const MethodParts& parts, const Problem<Scalar>& problem) const {
    auto job = std::make_shared<AllReduceJob<Scalar>>();
    job->problem = &problem;
    job->settings = settings_;
    job->patience_s = parts.patience_s;
    return Program([job](Node& node) { return all_reduce_sgd<Scalar>(node, job); });
  }

  // Any part of the vector; the collective checks that it is the right one.
  template <class Scalar>
  static ContentCheck check_piece(std::size_t dimension) {
    return [dimension](const Message& message, auto) -> Status {
      SHOAL_TRY(const ByteView piece, message.tensor("v"));
      const std::size_t size = piece.size() / sizeof(Scalar);
      if (size > dimension)
        return invalid_argument(
            fmt::format("a piece of {} values of a vector of {}", size, dimension));
      return check_vector<Scalar>(message, "v", size);
    };
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
