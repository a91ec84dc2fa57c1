#include "shoal/method/exchange.h"

#include <fmt/format.h>
#include <vector>

#include "shoal/math/vector.h"

namespace shoal {

Task<Arrivals> exchange(Node& node, Tag tag, Step step, std::span<const NodeId> to,
                        std::span<const NodeId> from, Frame frame, double patience_s) {
  for (const NodeId neighbor : to) co_await node.send(neighbor, frame);
  const Until until(patience_s);
  Arrivals arrivals = co_await node.gather(tag, step, from, until);
  co_return arrivals;
}

template <class Scalar>
Status check_vector(const Message& message, std::string_view name, std::size_t size) {
  std::vector<Scalar> values(size);
  SHOAL_TRY_STATUS(message.vector<Scalar>(name, values));
  if (all_finite(std::span<const Scalar>(values))) return ok_status();
  return invalid_argument(fmt::format("'{}' holds a value that is not finite", name));
}

void show_end(Node& node, Step step, std::string_view why) {
  node.show(step, why, 1.0);
  node.step_done(step);
}

template Status check_vector<float>(const Message&, std::string_view, std::size_t);
template Status check_vector<double>(const Message&, std::string_view, std::size_t);

}  // namespace shoal
