#include "studies/mean_model.h"

#include <algorithm>

#include "shoal/base/toml.h"

namespace shoal {
namespace {

// Adds up the models of the steps that are measured, and notes when the last node has made them.
class MeanProbe : public Observer {
 public:
  MeanProbe(const Simulation& world, std::size_t every) : world_(world), every_(every) {}

  bool wants_model(NodeId, Step step) const override { return (step + 1) % every_ == 0; }
  void model(NodeId, Step step, std::span<const float> x) override { add(step, x); }
  void model(NodeId, Step step, std::span<const double> x) override { add(step, x); }
  void figure(NodeId, Step, std::string_view, double) override {}
  void step_done(NodeId, Step step) override {
    if (!wants_model(0, step)) return;
    Moment& moment = moment_of(step);
    if (++moment.done < world_.size()) return;
    moment.point = {step + std::size_t{1}, world_.now_s(), world_.bytes_up(), 0.0};
  }
  void node_left(NodeId) override {}

  struct Moment {
    LossPoint point;
    std::size_t done = 0;
    std::vector<double> sum;  // of the models
  };
  std::vector<Moment>& moments() { return moments_; }

 private:
  Moment& moment_of(Step step) {
    const std::size_t at = step / every_;
    if (at >= moments_.size()) moments_.resize(at + 1);
    return moments_[at];
  }
  template <class Scalar>
  void add(Step step, std::span<const Scalar> x) {
    std::vector<double>& sum = moment_of(step).sum;
    sum.resize(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) sum[i] += static_cast<double>(x[i]);
  }

  const Simulation& world_;
  std::size_t every_;
  std::vector<Moment> moments_;
};

template <class Scalar>
double training_loss(const Problem<Scalar>& problem, std::span<const double> sum) {
  std::vector<Scalar> mean(sum.size());
  for (std::size_t i = 0; i < mean.size(); ++i)
    mean[i] = static_cast<Scalar>(sum[i] / static_cast<double>(problem.workers()));
  double loss = 0.0, rows = 0.0;
  for (const Rows& of_worker : problem.rows) {
    if (of_worker.empty()) continue;
    const Batch batch{problem.data.get(), of_worker};
    const auto count = static_cast<double>(of_worker.size());
    loss += count * problem.models->mine().evaluate(mean, batch).loss;
    rows += count;
  }
  return loss / rows;
}

}  // namespace

Result<std::vector<LossPoint>> loss_curve(StudyContext& context, const std::string& experiment,
                                          const std::vector<std::string>& set, std::size_t every) {
  SHOAL_TRY(const Table table, parse_toml(experiment));
  SHOAL_TRY(const auto experiments, read_experiments(table, set));
  SHOAL_TRY(auto run, Run::create(experiments.front(), context.pool()));
  MeanProbe probe(run->simulation(), every);
  run->simulation().set_observer(&probe);
  SHOAL_TRY_STATUS(run->go());
  run->simulation().set_observer(nullptr);
  const Assembly& assembly = run->assembly();
  std::vector<MeanProbe::Moment>& moments = probe.moments();
  std::erase_if(moments, [&](const auto& moment) { return moment.done < assembly.nodes(); });
  context.pool().parallel_for(moments.size(), [&](std::size_t k) {
    moments[k].point.loss = assembly.models_double
                                ? training_loss(assembly.problem_double, moments[k].sum)
                                : training_loss(assembly.problem_float, moments[k].sum);
  });
  std::vector<LossPoint> curve;
  for (const MeanProbe::Moment& moment : moments) curve.push_back(moment.point);
  return curve;
}

std::optional<LossPoint> first_within(const std::vector<LossPoint>& curve, double loss) {
  for (const LossPoint& point : curve)
    if (point.loss <= loss) return point;
  return std::nullopt;
}

Sample accuracy_of_mean(const std::vector<RunResult>& runs) {
  Sample sample;
  for (const RunResult& run : runs) {
    std::vector<double> tested;
    for (const LedgerLine& line : run.lines) {
      auto accuracy = line.figure("test_accuracy_of_mean");
      if (!accuracy) accuracy = line.figure("test_accuracy");  // all models are the same
      if (accuracy) tested.push_back(*accuracy);
    }
    const std::size_t last = std::max<std::size_t>(1, tested.size() / 10);
    double sum = 0.0;
    for (std::size_t k = tested.size() - std::min(last, tested.size()); k < tested.size(); ++k)
      sum += tested[k];
    sample.values.push_back(sum / static_cast<double>(last));
  }
  return sample;
}

double bytes_without_heads(const RunResult& run) {
  return static_cast<double>(run.bytes_sent - kHeadBytes * run.traffic.total().frames);
}

}  // namespace shoal
