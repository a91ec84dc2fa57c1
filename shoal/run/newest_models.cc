#include "shoal/run/newest_models.h"

#include <algorithm>

#include "shoal/math/vector.h"

namespace shoal {
namespace {

template <class Scalar>
Bytes mean_of(const std::map<NodeId, std::vector<Scalar>>& models, std::span<const NodeId> nodes) {
  std::vector<double> sum;
  std::size_t count = 0;
  for (const NodeId node : nodes) {
    const auto model = models.find(node);
    if (model == models.end() || !all_finite(std::span<const Scalar>(model->second))) continue;
    sum.resize(model->second.size());
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += static_cast<double>(model->second[i]);
    ++count;
  }
  std::vector<Scalar> mean(sum.size());
  for (std::size_t i = 0; i < sum.size(); ++i)
    mean[i] = static_cast<Scalar>(sum[i] / static_cast<double>(count));
  const ByteView bytes = std::as_bytes(std::span(mean));
  return Bytes(bytes.begin(), bytes.end());
}

}  // namespace

void NewestModels::keep(NodeId node, std::span<const float> parameters) {
  const std::lock_guard lock(mutex_);
  in_float_[node].assign(parameters.begin(), parameters.end());
}

void NewestModels::keep(NodeId node, std::span<const double> parameters) {
  const std::lock_guard lock(mutex_);
  in_double_[node].assign(parameters.begin(), parameters.end());
}

void NewestModels::stands_in(NodeId node, Step step) {
  const std::lock_guard lock(mutex_);
  Step& newest = steps_[node];
  newest = std::max(newest, step);
}

bool NewestModels::has_done(NodeId node, Step step) const {
  const std::lock_guard lock(mutex_);
  const auto newest = steps_.find(node);
  return newest != steps_.end() && newest->second > step;
}

Newcomer NewestModels::newcomer(NodeId node, std::span<const NodeId> neighbors, Step length,
                                bool with_replica) {
  const std::lock_guard lock(mutex_);
  const auto own = steps_.find(node);
  Step newest = own == steps_.end() ? 0 : own->second;
  Step oldest = length;
  for (const NodeId neighbor : neighbors) {
    const auto there = steps_.find(neighbor);
    const Step step = there == steps_.end() ? 0 : there->second;
    newest = std::max(newest, step);
    oldest = std::min(oldest, step);
  }
  Newcomer newcomer;
  if (newest == 0 && own == steps_.end()) return newcomer;
  newcomer.step = newest < length ? newest + 1 : length;
  newcomer.missed_from = std::min(
      newcomer.step, std::max(oldest, newcomer.step - std::min(newcomer.step, kMissedStepsMax)));
  steps_[node] = newcomer.step;
  if (!with_replica) return newcomer;
  newcomer.replica =
      in_double_.empty() ? mean_of(in_float_, neighbors) : mean_of(in_double_, neighbors);
  return newcomer;
}

void NewestModels::set_all(std::map<NodeId, std::vector<float>> in_float,
                           std::map<NodeId, std::vector<double>> in_double) {
  const std::lock_guard lock(mutex_);
  in_float_ = std::move(in_float);
  in_double_ = std::move(in_double);
}

}  // namespace shoal
