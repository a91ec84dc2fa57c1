#include "shoal/method/relay.h"

#include <gtest/gtest.h>

#include "shoal/graph/basic_topologies.h"
#include "shoal/graph/trees.h"

namespace shoal {
namespace {

// Relays of all workers of a tree, stepped together without a network.
class Relays {
 public:
  explicit Relays(const Topology& tree) : tree_(tree) {
    for (NodeId i = 0; i < tree.size(); ++i) relays_.emplace_back(tree.size(), tree.out[i], 1);
  }

  // One exchange of the values h; a message i -> j is lost when lost(i, j).
  template <class Lost>
  void exchange(const std::vector<double>& h, Lost lost) {
    for (NodeId i = 0; i < h.size(); ++i) relays_[i].begin(std::span(&h[i], 1));
    for (NodeId i = 0; i < h.size(); ++i)
      for (std::size_t k = 0; k < tree_.out[i].size(); ++k) {
        const NodeId j = tree_.out[i][k];
        double sum = 0.0;
        std::uint64_t count = 0;
        relays_[i].outgoing(k, std::span(&sum, 1), count);
        const auto back = std::find(tree_.out[j].begin(), tree_.out[j].end(), i);
        if (!lost(i, j))
          relays_[j].accept(static_cast<std::size_t>(back - tree_.out[j].begin()),
                            std::span<const double>(&sum, 1), count);
      }
  }
  void exchange(const std::vector<double>& h) {
    exchange(h, [](NodeId, NodeId) { return false; });
  }
  std::vector<double> averages(const std::vector<double>& h, RelayFallback fallback,
                               double reference = 0.0) const {
    std::vector<double> x(h.size());
    for (std::size_t i = 0; i < h.size(); ++i)
      relays_[i].average(fallback, std::span(&h[i], 1), std::span(&reference, 1),
                         std::span(&x[i], 1));
    return x;
  }
  Relay<double>& of(NodeId i) { return relays_[i]; }

 private:
  const Topology& tree_;
  std::vector<Relay<double>> relays_;
};

TEST(Relay, CountsAreAllOthersAfterDiameterSteps) {
  for (const Topology& tree : {chain(2).value(), chain(9).value(), star(7).value(),
                               relay_tree(16).value(), binary_tree(13).value()}) {
    Relays relays(tree);
    const std::vector<double> h(tree.size(), 1.0);
    const std::uint32_t steps = diameter(tree).value();
    for (std::uint32_t step = 1; step <= steps + 2; ++step) {
      relays.exchange(h);
      std::uint64_t fewest = tree.size();
      for (NodeId i = 0; i < tree.size(); ++i) {
        // Everybody within `step` hops has arrived, and nobody else.
        std::uint64_t within = 0;
        for (const std::uint32_t hops : distances(tree, i)) within += hops > 0 && hops <= step;
        EXPECT_EQ(relays.of(i).arrived(), within) << tree.text();
        fewest = std::min(fewest, relays.of(i).arrived());
      }
      if (step >= steps)
        EXPECT_EQ(fewest, tree.size() - 1) << tree.text();
      else
        EXPECT_LT(fewest, tree.size() - 1) << tree.text();
    }
  }
}

TEST(Relay, FallbacksFillTheMissingShares) {
  // Chain 0-1-2 after one exchange: worker 0 lacks worker 2.
  const Topology tree = chain(3).value();
  Relays relays(tree);
  const std::vector<double> h = {1.0, 2.0, 6.0};
  relays.exchange(h);
  EXPECT_DOUBLE_EQ(relays.averages(h, RelayFallback::kOwn)[0], (2 * 1.0 + 2.0) / 3);
  EXPECT_DOUBLE_EQ(relays.averages(h, RelayFallback::kRefInitial, 9.0)[0], (1.0 + 9.0 + 2.0) / 3);
  EXPECT_DOUBLE_EQ(relays.averages(h, RelayFallback::kRefLast, -3.0)[0], (1.0 - 3.0 + 2.0) / 3);
  EXPECT_DOUBLE_EQ(relays.averages(h, RelayFallback::kCounts)[0], (1.0 + 2.0) / 2);
  EXPECT_DOUBLE_EQ(relays.averages(h, RelayFallback::kCounts)[1], 3.0);
}

// A loss takes the value and its count together, and the next relay does not contain it.
TEST(Relay, ALossLeavesNoMemory) {
  const Topology tree = chain(3).value();
  Relays relays(tree);
  const std::vector<double> h = {1.0, 10.0, 100.0};
  relays.exchange(h);
  relays.exchange(h);
  EXPECT_EQ(relays.of(0).arrived(), 2u);
  relays.exchange(h, [](NodeId from, NodeId to) { return from == 2 && to == 1; });
  EXPECT_EQ(relays.of(1).arrived(), 1u);
  EXPECT_EQ(relays.of(0).arrived(), 2u);  // what 1 relayed is of the step before
  relays.exchange(h);
  EXPECT_EQ(relays.of(0).arrived(), 1u);
  EXPECT_DOUBLE_EQ(relays.averages(h, RelayFallback::kCounts)[0], 5.5);
  relays.exchange(h);
  EXPECT_EQ(relays.of(0).arrived(), 2u);
  EXPECT_DOUBLE_EQ(relays.averages(h, RelayFallback::kOwn)[0], 37.0);
}

TEST(Relay, SavedAndLoadedItGoesOnTheSame) {
  const Topology tree = relay_tree(6).value();
  Relays relays(tree);
  std::vector<double> h = {1, 2, 3, 4, 5, 6};
  for (int step = 0; step < 3; ++step) {
    relays.exchange(h);
    h = relays.averages(h, RelayFallback::kOwn);
  }
  Relays copy(tree);
  for (NodeId i = 0; i < 6; ++i) {
    ByteWriter writer;
    relays.of(i).save(writer);
    ByteReader reader(writer.bytes());
    ASSERT_TRUE(copy.of(i).load(reader).ok());
    EXPECT_TRUE(reader.done());
    ByteReader cut(ByteView(writer.bytes()).first(writer.size() - 1));
    Relay<double> other(6, tree.out[i], 1);
    EXPECT_FALSE(other.load(cut).ok());
  }
  relays.exchange(h);
  copy.exchange(h);
  EXPECT_EQ(relays.averages(h, RelayFallback::kOwn), copy.averages(h, RelayFallback::kOwn));
}

}  // namespace
}  // namespace shoal
