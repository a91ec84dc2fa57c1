#include "shoal/graph/mixing.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace shoal {
namespace {

constexpr double kStochasticTolerance = 1e-9;

double weight_of(const MixingMatrix& w, NodeId i, NodeId j) {
  const auto& row = w.rows[i];
  const auto at = std::lower_bound(
      row.begin(), row.end(), j,
      [](const MixingMatrix::Weight& entry, NodeId node) { return entry.node < node; });
  return at != row.end() && at->node == j ? at->weight : 0.0;
}

bool all_near_one(const std::vector<double>& sums) {
  return std::all_of(sums.begin(), sums.end(),
                     [](double sum) { return std::abs(sum - 1.0) <= kStochasticTolerance; });
}

Status check_fits(const Topology& topology, MixingKind kind) {
  if (!topology.schedule.empty())
    return invalid_argument(
        fmt::format("the {} changes with the step; mix with the graph of one "
                    "step at a time",
                    topology.text()));
  if (kind == MixingKind::kMetropolisHastings && !is_symmetric(topology))
    return invalid_argument(
        fmt::format("metropolis_hastings needs an undirected topology and the "
                    "{} is directed; set mixing kind = \"uniform\" or "
                    "\"column_stochastic\"",
                    topology.text()));
  if (kind == MixingKind::kUniform && !is_regular(topology))
    return invalid_argument(
        fmt::format("uniform mixing needs a regular topology and the nodes of "
                    "the {} have different degrees; set mixing kind = "
                    "\"metropolis_hastings\" or \"column_stochastic\"",
                    topology.text()));
  return ok_status();
}

double edge_weight(const Topology& topology, MixingKind kind, NodeId to, NodeId from) {
  const auto degree = [&](NodeId node) { return static_cast<double>(topology.out[node].size()); };
  if (kind == MixingKind::kMetropolisHastings)
    return 1.0 / (1.0 + std::max(degree(to), degree(from)));
  return 1.0 / (1.0 + degree(from));  // on a regular graph also the uniform weight
}

}  // namespace

void describe(Settings& s, MixingSettings& v) {
  s.choice("kind", v.kind, "weights given to neighbours",
           {{"metropolis_hastings", MixingKind::kMetropolisHastings},
            {"uniform", MixingKind::kUniform},
            {"column_stochastic", MixingKind::kColumnStochastic}});
  s.flag("lazy", v.lazy, "mix with (W + I)/2, whose eigenvalues are not negative",
         {.paper = "1803.07068"});
}

Result<MixingMatrix> make_mixing(const Topology& topology, const MixingSettings& settings) {
  SHOAL_TRY_STATUS(check_fits(topology, settings.kind));
  const std::size_t n = topology.size();
  MixingMatrix w{topology.text(), std::vector<double>(n), {}};
  w.rows.resize(n);
  for (NodeId i = 0; i < n; ++i) {
    double others = 0.0;
    for (const NodeId j : topology.in[i]) {
      w.rows[i].push_back({j, edge_weight(topology, settings.kind, i, j)});
      others += w.rows[i].back().weight;
    }
    w.own[i] = settings.kind == MixingKind::kColumnStochastic
                   ? edge_weight(topology, settings.kind, i, i)
                   : 1.0 - others;
    if (settings.lazy) {
      w.own[i] = 0.5 * (w.own[i] + 1.0);
      for (MixingMatrix::Weight& entry : w.rows[i]) entry.weight *= 0.5;
    }
  }
  return w;
}

Result<std::vector<MixingMatrix>> mixing_schedule(const Topology& topology,
                                                  const MixingSettings& settings) {
  std::vector<MixingMatrix> matrices;
  const std::size_t period = std::max<std::size_t>(1, topology.schedule.size());
  for (std::size_t t = 0; t < period; ++t) {
    SHOAL_TRY(MixingMatrix w, make_mixing(at_step(topology, t), settings));
    matrices.push_back(std::move(w));
  }
  return matrices;
}

bool is_symmetric(const MixingMatrix& w) {
  for (NodeId i = 0; i < w.size(); ++i)
    for (const MixingMatrix::Weight& entry : w.rows[i])
      if (weight_of(w, entry.node, i) != entry.weight) return false;
  return true;
}

bool is_row_stochastic(const MixingMatrix& w) {
  std::vector<double> sums = w.own;
  for (NodeId i = 0; i < w.size(); ++i)
    for (const MixingMatrix::Weight& entry : w.rows[i]) sums[i] += entry.weight;
  return all_near_one(sums);
}

bool is_column_stochastic(const MixingMatrix& w) {
  std::vector<double> sums = w.own;
  for (NodeId i = 0; i < w.size(); ++i)
    for (const MixingMatrix::Weight& entry : w.rows[i]) sums[entry.node] += entry.weight;
  return all_near_one(sums);
}

bool is_doubly_stochastic(const MixingMatrix& w) {
  return is_row_stochastic(w) && is_column_stochastic(w);
}

}  // namespace shoal
