#include "shoal/graph/collective_trees.h"

#include <gtest/gtest.h>

namespace shoal {
namespace {

TEST(CollectiveTrees, EightRanks) {
  const RootedTree tree = collective_tree(8).value();
  using Lists = std::vector<std::vector<NodeId>>;
  EXPECT_EQ(tree.children, (Lists{{4}, {}, {1, 3}, {}, {2, 6}, {}, {5, 7}, {}}));
}

TEST(CollectiveTrees, LeafProperty) {
  for (std::size_t p = 2; p <= 130; ++p) {
    const DoubleTree trees = double_collective_trees(p).value();
    for (NodeId r = 0; r < p; ++r) {
      const int leaf = trees.first.children[r].empty() + trees.second.children[r].empty();
      if (p % 2 == 0) {
        EXPECT_EQ(leaf, 1) << p << " ranks, rank " << r;
      } else {
        EXPECT_LE(leaf, r == 0 ? 0 : 1) << p << " ranks, rank " << r;
      }
    }
  }
}

// Every rank reaches the root, in a number of hops that is logarithmic, and has at most 2 children.
TEST(CollectiveTrees, AreShallowBinaryTrees) {
  for (std::size_t p = 1; p <= 300; ++p) {
    const RootedTree tree = collective_tree(p).value();
    std::size_t log = 0;
    while ((std::size_t{1} << log) < p) ++log;
    for (NodeId r = 0; r < p; ++r) {
      EXPECT_LE(tree.children[r].size(), 2u);
      std::size_t hops = 0;
      for (NodeId at = r; at != tree.root; at = tree.parent[at]) ASSERT_LE(++hops, p);
      EXPECT_LE(hops, log + 1) << p;
    }
  }
  EXPECT_FALSE(double_collective_trees(1).ok());
}

}  // namespace
}  // namespace shoal
