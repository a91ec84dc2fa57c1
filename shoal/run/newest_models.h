// NewestModels: the last model that each node has shown and the step it is known to stand in; from
// these, where a newcomer begins and with what (node/newcomer.h).
//
// Nothing is sent for it: models are those that come for the ledger, so a replica is as old as the
// last step of report.every that a neighbour has finished. A model that is not finite is nobody's.
// Memory: one model a node, which the run's result needs anyway. Thread-safe, but for all().
#pragma once

#include <map>
#include <mutex>
#include <span>
#include <vector>

#include "shoal/node/newcomer.h"

namespace shoal {

class NewestModels {
 public:
  void keep(NodeId node, std::span<const float> parameters);
  void keep(NodeId node, std::span<const double> parameters);
  // The node stands in this step, or beyond it.
  void stands_in(NodeId node, Step step);
  // Whether it is known to have done all of this step.
  bool has_done(NodeId node, Step step) const;

  // Where the node begins among these neighbours in a run of `length` steps: behind every step that
  // one of them or itself is known to have begun. Its step is noted, so that one that comes again
  // begins behind it. It gets no replica when `with_replica` is not set.
  Newcomer newcomer(NodeId node, std::span<const NodeId> neighbors, Step length, bool with_replica);

  const std::map<NodeId, std::vector<float>>& all_float() const { return in_float_; }
  const std::map<NodeId, std::vector<double>>& all_double() const { return in_double_; }
  void set_all(std::map<NodeId, std::vector<float>> in_float,
               std::map<NodeId, std::vector<double>> in_double);

 private:
  mutable std::mutex mutex_;
  std::map<NodeId, Step> steps_;
  std::map<NodeId, std::vector<float>> in_float_;
  std::map<NodeId, std::vector<double>> in_double_;
};

}  // namespace shoal
