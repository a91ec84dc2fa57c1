#include "shoal/run/liars.h"

#include <algorithm>

#include "shoal/base/random.h"

namespace shoal {

std::vector<NodeId> draw_liars(std::uint64_t seed, NodeId first, std::size_t count,
                               std::size_t liars) {
  std::vector<NodeId> nodes = RandomStream(seed, purpose("liars")).sample(count, liars);
  for (NodeId& node : nodes) node += first;
  return nodes;
}

const std::vector<NodeId>& Liars::in_round(Step round) const {
  static const std::vector<NodeId> nobody;
  if (!when_.contains(round)) return nobody;
  if (!senders_ || (drawn_ && round == round_)) return now_;
  const std::vector<NodeId> senders = senders_(round);
  now_ = RandomStream(seed_, purpose("moving liars"), 0, round)
             .sample(senders.size(), std::min(count_, senders.size()));
  for (NodeId& node : now_) node = senders[node];
  round_ = round;
  drawn_ = true;
  return now_;
}

bool Liars::lies(NodeId node, Step round) const {
  return std::ranges::binary_search(in_round(round), node);
}

std::size_t Liars::number(NodeId node, Step round) const {
  const std::vector<NodeId>& now = in_round(round);
  return static_cast<std::size_t>(std::ranges::lower_bound(now, node) - now.begin());
}

}  // namespace shoal
