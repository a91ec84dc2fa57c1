#include "shoal/study/aggregate_quality.h"

#include <algorithm>
#include <cmath>

#include "shoal/base/toml.h"
#include "shoal/math/vector.h"

namespace shoal {
namespace {

// Looks at the rows, and passes everything on to the observer that was there before.
class QualityProbe : public Observer {
 public:
  QualityProbe(Observer& next, std::vector<NodeId> liars) : next_(next), liars_(std::move(liars)) {}

  bool wants_model(NodeId node, Step step) const override { return next_.wants_model(node, step); }
  void model(NodeId node, Step step, std::span<const float> parameters) override {
    next_.model(node, step, parameters);
  }
  void model(NodeId node, Step step, std::span<const double> parameters) override {
    next_.model(node, step, parameters);
  }
  void figure(NodeId node, Step step, std::string_view name, double value) override {
    next_.figure(node, step, name, value);
  }
  void selection(NodeId node, Step step, std::span<const NodeId> senders,
                 const Selection& selection) override {
    next_.selection(node, step, senders, selection);
  }
  bool wants_rows(NodeId, Step) const override { return true; }
  void aggregation(NodeId, Step, const RoundView& round,
                   std::span<const float> aggregate) override {
    std::vector<Row> honest;
    for (std::size_t i = 0; i < round.size(); ++i)
      if (!std::ranges::binary_search(liars_, round.senders[i])) honest.push_back(round.rows[i]);
    if (honest.empty()) return;
    std::vector<float> mean(aggregate.size());
    mean_of_rows(honest, mean);
    double spread = 0.0;
    for (const Row row : honest) spread += squared_distance(row, mean);
    spread /= static_cast<double>(honest.size());
    const double norm = std::sqrt(squared_norm(mean));
    rounds_.push_back({dot(aggregate, mean), std::sqrt(squared_distance(aggregate, mean)) / norm,
                       norm / std::sqrt(spread)});
  }
  void step_done(NodeId node, Step step) override { next_.step_done(node, step); }
  void node_left(NodeId node) override { next_.node_left(node); }
  void node_returned(NodeId node) override { next_.node_returned(node); }

  std::vector<AggregateQuality> take() { return std::move(rounds_); }

 private:
  Observer& next_;
  std::vector<NodeId> liars_;  // increasing
  std::vector<AggregateQuality> rounds_;
};

}  // namespace

double QualityRun::share_of_negative_products() const {
  const auto negative = [](const AggregateQuality& round) { return round.inner_product < 0.0; };
  return static_cast<double>(std::ranges::count_if(rounds, negative)) /
         static_cast<double>(rounds.size());
}

double QualityRun::mean_relative_error() const {
  double sum = 0.0;
  for (const AggregateQuality& round : rounds) sum += round.relative_error;
  return sum / static_cast<double>(rounds.size());
}

Result<QualityRun> aggregate_quality(StudyContext& context, const std::string& experiment,
                                     const std::vector<std::string>& set) {
  SHOAL_TRY(const Table table, parse_toml(experiment));
  SHOAL_TRY(const auto experiments, read_experiments(table, set));
  SHOAL_TRY(auto run, Run::create(experiments.front(), context.pool()));
  const Assembly& assembly = run->assembly();
  const auto servers = static_cast<NodeId>(assembly.method->servers());
  if (servers == 0)
    return invalid_argument("the quality of aggregates is measured of methods with a server");
  const auto liars = static_cast<std::size_t>(assembly.experiment.nodes.liars);
  Observer* recorder = run->simulation().observer();
  QualityProbe probe(*recorder, draw_liars(assembly.conditions.seed, servers,
                                           assembly.partition.nodes.size(), liars));
  run->simulation().set_observer(&probe);
  const Status status = run->go();
  QualityRun quality{run->result(), probe.take()};
  run.reset();  // it looks at the probe until it is gone
  SHOAL_TRY_STATUS(status);
  return quality;
}

}  // namespace shoal
