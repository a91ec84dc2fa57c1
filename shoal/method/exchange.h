// Exchange with neighbours: send one frame to each, wait for theirs of the same step.
#pragma once

#include <span>

#include "shoal/node/node.h"

namespace shoal {

// `to` and `from` (increasing) must outlive the task.
Task<Arrivals> exchange(Node& node, Tag tag, Step step, std::span<const NodeId> to,
                        std::span<const NodeId> from, Frame frame, double patience_s);

}  // namespace shoal
