#include "shoal/study/aggregate_quality.h"

#include <algorithm>
#include <cmath>

#include "shoal/math/vector.h"
#include "shoal/study/listener.h"

namespace shoal {
namespace {

class QualityProbe : public Listener {
 public:
  void begin(const Assembly& assembly) override {
    liars_ = assembly.liars;
    has_server_ = assembly.method->servers() > 0;
  }
  bool has_server() const { return has_server_; }
  bool wants_rows(NodeId, Step) const override { return true; }
  void aggregation(NodeId, Step step, const RoundView& round,
                   std::span<const float> aggregate) override {
    std::vector<Row> honest;
    for (std::size_t i = 0; i < round.size(); ++i)
      if (!liars_ || !liars_->lies(round.senders[i], step)) honest.push_back(round.rows[i]);
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

  std::vector<AggregateQuality> take() { return std::move(rounds_); }

 private:
  std::shared_ptr<const Liars> liars_;
  bool has_server_ = false;
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
  QualityProbe probe;
  SHOAL_TRY(RunResult result, listened_run(context, experiment, set, probe));
  if (!probe.has_server())
    return invalid_argument("the quality of aggregates is measured of methods with a server");
  return QualityRun{std::move(result), probe.take()};
}

}  // namespace shoal
