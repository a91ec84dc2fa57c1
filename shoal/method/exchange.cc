#include "shoal/method/exchange.h"

namespace shoal {

Task<Arrivals> exchange(Node& node, Tag tag, Step step, std::span<const NodeId> to,
                        std::span<const NodeId> from, Frame frame, double patience_s) {
  for (const NodeId neighbor : to) co_await node.send(neighbor, frame);
  const Until until(patience_s);
  Arrivals arrivals = co_await node.gather(tag, step, from, until);
  co_return arrivals;
}

}  // namespace shoal
