#include "shoal/method/collectives.h"

#include <numeric>
#include <vector>

namespace shoal {
namespace {

constexpr Tag kScatter = tag("scatter");
constexpr Tag kCollect = tag("collect");
constexpr Tag kReduce = tag("reduce");
constexpr Tag kSpread = tag("spread");
constexpr Tag kToRoot = tag("toroot");

// Elements [begin, end) of chunk c of n elements cut in p: sizes differ by at most one.
std::pair<std::size_t, std::size_t> chunk(std::size_t c, std::size_t p, std::size_t n) {
  return {c * n / p, (c + 1) * n / p};
}

template <class Scalar>
Frame vector_frame(Tag tag, Step round, std::span<const Scalar> values) {
  MessageBuilder message(tag, round);
  message.vector<Scalar>("v", values);
  return message.finish();
}

template <class Scalar>
bool add_from(const std::optional<Message>& message, std::span<Scalar> into) {
  std::vector<Scalar> values(into.size());
  if (!message || !message->vector<Scalar>("v", values).ok()) return false;
  for (std::size_t i = 0; i < into.size(); ++i) into[i] += values[i];
  return true;
}

template <class Scalar>
bool copy_from(const std::optional<Message>& message, std::span<Scalar> into) {
  return message && message->vector<Scalar>("v", into).ok();
}

}  // namespace

template <class Scalar>
Task<bool> ring_all_reduce(Node& node, std::size_t nodes, std::span<Scalar> vector, Step round,
                           double patience_s) {
  const std::size_t p = nodes;
  const std::size_t rank = node.id();
  const auto right = static_cast<NodeId>((rank + 1) % p);
  const auto left = static_cast<NodeId>((rank + p - 1) % p);
  const auto key = static_cast<Step>(round * (p - 1));
  // Reduce-scatter: after p-1 turns this rank holds the whole sum of chunk rank+1.
  for (std::size_t turn = 0; turn + 1 < p; ++turn) {
    const auto [begin, end] = chunk((rank + p - turn) % p, p, vector.size());
    const Frame frame = vector_frame<Scalar>(kScatter, static_cast<Step>(key + turn),
                                             vector.subspan(begin, end - begin));
    co_await node.send(right, frame);
    const auto message =
        co_await node.receive(left, kScatter, static_cast<Step>(key + turn), patience_s);
    const auto [b, e] = chunk((rank + p - turn - 1) % p, p, vector.size());
    if (!add_from<Scalar>(message, vector.subspan(b, e - b))) co_return false;
  }
  // All-gather: the finished chunks go round.
  for (std::size_t turn = 0; turn + 1 < p; ++turn) {
    const auto [begin, end] = chunk((rank + 1 + p - turn) % p, p, vector.size());
    const Frame frame = vector_frame<Scalar>(kCollect, static_cast<Step>(key + turn),
                                             vector.subspan(begin, end - begin));
    co_await node.send(right, frame);
    const auto message =
        co_await node.receive(left, kCollect, static_cast<Step>(key + turn), patience_s);
    const auto [b, e] = chunk((rank + p - turn) % p, p, vector.size());
    if (!copy_from<Scalar>(message, vector.subspan(b, e - b))) co_return false;
  }
  co_return true;
}

template <class Scalar>
Task<bool> broadcast(Node& node, std::size_t nodes, std::span<Scalar> vector, Step round,
                     double patience_s) {
  // Binomial tree: a rank with lowest set bit b hears from rank - b, then serves rank + b/2, ...
  std::size_t bit = 1;
  while (bit < nodes && (node.id() & bit) == 0) bit <<= 1;
  if (node.id() != 0) {
    const auto parent = static_cast<NodeId>(node.id() - bit);
    const auto message = co_await node.receive(parent, kSpread, round, patience_s);
    if (!copy_from<Scalar>(message, vector)) co_return false;
  }
  for (bit >>= 1; bit > 0; bit >>= 1) {
    const auto child = static_cast<NodeId>(node.id() + bit);
    if (child >= nodes) continue;
    const Frame frame = vector_frame<Scalar>(kSpread, round, vector);
    co_await node.send(child, frame);
  }
  co_return true;
}

template <class Scalar>
Task<bool> binomial_all_reduce(Node& node, std::size_t nodes, std::span<Scalar> vector, Step round,
                               double patience_s) {
  for (std::size_t bit = 1; bit < nodes; bit <<= 1) {
    if (node.id() & bit) {
      const auto parent = static_cast<NodeId>(node.id() - bit);
      const Frame frame = vector_frame<Scalar>(kReduce, round, vector);
      co_await node.send(parent, frame);
      break;
    }
    const auto child = static_cast<NodeId>(node.id() + bit);
    if (child >= nodes) continue;
    const auto message = co_await node.receive(child, kReduce, round, patience_s);
    if (!add_from<Scalar>(message, vector)) co_return false;
  }
  const bool done = co_await broadcast<Scalar>(node, nodes, vector, round, patience_s);
  co_return done;
}

template <class Scalar>
Task<bool> gather_to_root(Node& node, std::size_t nodes, std::span<Scalar> vector, Step round,
                          double patience_s) {
  if (node.id() != 0) {
    const Frame frame = vector_frame<Scalar>(kToRoot, round, vector);
    co_await node.send(0, frame);
    co_return true;
  }
  std::vector<NodeId> others(nodes - 1);
  std::iota(others.begin(), others.end(), NodeId{1});
  const Until until(patience_s);
  const Arrivals arrivals = co_await node.gather(kToRoot, round, others, until);
  bool complete = arrivals.missing.empty();
  for (const Message& message : arrivals.messages)
    complete = add_from<Scalar>(message, vector) && complete;
  co_return complete;
}

#define SHOAL_INSTANTIATE(name)                                                        \
  template Task<bool> name<float>(Node&, std::size_t, std::span<float>, Step, double); \
  template Task<bool> name<double>(Node&, std::size_t, std::span<double>, Step, double)
SHOAL_INSTANTIATE(ring_all_reduce);
SHOAL_INSTANTIATE(binomial_all_reduce);
SHOAL_INSTANTIATE(broadcast);
SHOAL_INSTANTIATE(gather_to_root);
#undef SHOAL_INSTANTIATE

}  // namespace shoal
