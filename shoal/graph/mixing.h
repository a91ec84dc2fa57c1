// Mixing matrices: how much of whom a node keeps when it averages with its neighbours,
// x_i <- sum_j W_ij x_j. Every row sums to 1, except column_stochastic, whose columns do.
//
//   metropolis_hastings  W_ij = 1/(1 + max(deg_i, deg_j)); symmetric, any undirected graph
//   uniform              1/(degree + 1); regular graphs only, directed ones included
//   column_stochastic    P_ij = 1/(outdeg_j + 1); any directed graph, for push-sum (1811.10792)
//   lazy                 (W + I)/2 of any of these; every eigenvalue of a symmetric W is >= 0 then
#pragma once

#include <string>
#include <vector>

#include "shoal/base/settings.h"
#include "shoal/graph/topology.h"

namespace shoal {

enum class MixingKind { kMetropolisHastings, kUniform, kColumnStochastic };

struct MixingSettings {
  MixingKind kind = MixingKind::kMetropolisHastings;
  bool lazy = false;
};
void describe(Settings& s, MixingSettings& v);

struct MixingMatrix {
  struct Weight {
    NodeId node;
    double weight;
  };
  std::string topology;                   // "ring of 16"
  std::vector<double> own;                // W_ii
  std::vector<std::vector<Weight>> rows;  // row i: what i hears, by increasing node, without i

  std::size_t size() const { return own.size(); }
};

// For a topology without a schedule (mixing_schedule() serves both). An error when the kind does
// not fit the graph.
Result<MixingMatrix> make_mixing(const Topology& topology, const MixingSettings& settings);
// One matrix per step of the period; a single one for a static topology. Step t mixes with
// schedule[t mod size].
Result<std::vector<MixingMatrix>> mixing_schedule(const Topology& topology,
                                                  const MixingSettings& settings);

bool is_symmetric(const MixingMatrix& w);
// Row and column sums within 1e-9 of 1.
bool is_row_stochastic(const MixingMatrix& w);
bool is_column_stochastic(const MixingMatrix& w);
bool is_doubly_stochastic(const MixingMatrix& w);

}  // namespace shoal
