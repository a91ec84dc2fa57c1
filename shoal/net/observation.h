// Observation: what an observer saw in one process, as bytes for the process that keeps the ledger.
//
// Not part of a method's traffic. A sequence of events, each one byte of kind and its fields: model
// (float or double), figure, step done, node left, counts (gradients, bytes sent and received since
// the last), and at the end the traffic by link. What comes from outside is checked against the
// limits of the run before the ledger sees any of it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "shoal/base/bytes.h"
#include "shoal/node/traffic.h"
#include "shoal/node/world.h"

namespace shoal {

class ObservationWriter : public Observer {
 public:
  explicit ObservationWriter(const ReportSchedule& schedule) : schedule_(schedule) {}

  bool wants_model(NodeId node, Step step) const override;
  void model(NodeId node, Step step, std::span<const float> parameters) override;
  void model(NodeId node, Step step, std::span<const double> parameters) override;
  void figure(NodeId node, Step step, std::string_view name, double value) override;
  void step_done(NodeId node, Step step) override;
  void node_left(NodeId node) override;

  void counts(std::uint64_t gradients, std::uint64_t sent_bytes, std::uint64_t received_bytes);
  void traffic(const Traffic& traffic);

  bool empty() const { return out_.size() == 0; }
  Bytes take();

 private:
  ReportSchedule schedule_;
  ByteWriter out_;
};

// What an observation may be about.
struct ObservationLimits {
  std::size_t dimension = 0;
  Step length = 0;
  std::size_t nodes = 0;
  std::optional<NodeId> only_node;  // none: any, among processes that trust each other
};

struct ObservedCounts {
  std::uint64_t gradients = 0;
  std::uint64_t sent_bytes = 0;
  std::uint64_t received_bytes = 0;
  std::vector<NodeId> left;
};

// Checks all of it, then shows it to the observer and adds its traffic to that given; on an error
// nothing has been shown.
Result<ObservedCounts> show_observation(ByteView observation, const ObservationLimits& limits,
                                        Observer& observer, Traffic& traffic);

}  // namespace shoal
