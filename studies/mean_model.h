// What the mean of all nodes' models is worth: peers that part ways between means are judged by it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "shoal/study/study.h"

namespace shoal {

// Where a run stands once all nodes have made so many steps.
struct LossPoint {
  std::size_t steps = 0;
  double time_s = 0.0;           // virtual
  std::uint64_t sent_bytes = 0;  // by all nodes, frames as encoded
  double loss = 0.0;             // of the mean of all models, over all training rows
};

// One run without a server, measured after every `every` steps. Nothing is tested.
Result<std::vector<LossPoint>> loss_curve(StudyContext& context, const std::string& experiment,
                                          const std::vector<std::string>& set, std::size_t every);

// The first point with at most that loss; empty when there is none.
std::optional<LossPoint> first_within(const std::vector<LossPoint>& curve, double loss);

// Accuracy of the mean model over the last tenth of the tests, a value a run.
Sample accuracy_of_mean(const std::vector<RunResult>& runs);

// Bytes of a run as sent, and without the heads of frames that hold one vector each, as those of
// means over all workers do: 32 bytes (shoal/node/message.h).
inline constexpr std::uint64_t kHeadBytes = 32;
double bytes_without_heads(const RunResult& run);

}  // namespace shoal
