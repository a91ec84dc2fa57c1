// Exchange with neighbours: send one frame to each, wait for theirs of the same step.
#pragma once

#include <span>
#include <string_view>

#include "shoal/node/node.h"

namespace shoal {

// `to` and `from` (increasing) must outlive the task.
Task<Arrivals> exchange(Node& node, Tag tag, Step step, std::span<const NodeId> to,
                        std::span<const NodeId> from, Frame frame, double patience_s);

// Whether the message carries that many finite scalars under the name.
template <class Scalar>
Status check_vector(const Message& message, std::string_view name, std::size_t size);

// The node's program ends in this step: the ledger's line of the step says so by the figure `why`,
// "abandoned" (a message did not come that it cannot do without) or "diverged".
void show_end(Node& node, Step step, std::string_view why);

}  // namespace shoal
