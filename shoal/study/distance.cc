#include "shoal/study/distance.h"

#include "shoal/base/toml.h"

namespace shoal {
namespace {

class DistanceProbe : public Observer {
 public:
  DistanceProbe(std::span<const double> optimum, std::size_t nodes)
      : optimum_(optimum), nodes_(static_cast<double>(nodes)) {}

  bool wants_model(NodeId, Step) const override { return true; }
  void model(NodeId, Step, std::span<const float>) override {
    SHOAL_CHECK(false, "distances are measured of runs in double");
  }
  void model(NodeId, Step step, std::span<const double> parameters) override {
    SHOAL_CHECK(parameters.size() == optimum_.size(), "an optimum of another length");
    if (step >= distances_.size()) distances_.resize(step + 1);
    double square = 0.0;
    for (std::size_t i = 0; i < optimum_.size(); ++i) {
      const double gap = parameters[i] - optimum_[i];
      square += gap * gap;
    }
    distances_[step] += square / nodes_;
  }
  void figure(NodeId, Step, std::string_view, double) override {}
  void step_done(NodeId, Step) override {}
  void node_left(NodeId) override {}

  std::vector<double> take() { return std::move(distances_); }

 private:
  std::span<const double> optimum_;
  double nodes_;
  std::vector<double> distances_;  // of each step
};

}  // namespace

Result<std::vector<double>> squared_distances(StudyContext& context, const std::string& experiment,
                                              const std::vector<std::string>& set,
                                              std::span<const double> optimum) {
  SHOAL_TRY(const Table table, parse_toml(experiment));
  SHOAL_TRY(const auto experiments, read_experiments(table, set));
  SHOAL_TRY(auto run, Run::create(experiments.front(), context.pool()));
  if (!run->assembly().models_double)
    return invalid_argument("distances are measured of runs in double; set precision = \"double\"");
  DistanceProbe probe(optimum, run->simulation().size());
  run->simulation().set_observer(&probe);
  const Status status = run->go();
  run.reset();  // it looks at the probe until it is gone
  SHOAL_TRY_STATUS(status);
  return probe.take();
}

std::optional<std::size_t> steps_to(std::span<const double> squared_distances, double tolerance) {
  std::size_t steps = squared_distances.size();
  while (steps > 0 && squared_distances[steps - 1] <= tolerance) --steps;
  if (steps == squared_distances.size()) return std::nullopt;
  return steps + 1;
}

}  // namespace shoal
