#include "shoal/graph/topology.h"

#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <numeric>

#include "shoal/base/random.h"
#include "shoal/graph/basic_topologies.h"
#include "shoal/graph/davis.h"
#include "shoal/graph/edge_list.h"
#include "shoal/graph/exponential.h"
#include "shoal/graph/random_graphs.h"
#include "shoal/graph/topology_kind.h"
#include "shoal/graph/trees.h"

namespace shoal {
namespace {

using ::testing::HasSubstr;

Topology built(const std::string& kind, std::size_t n, std::uint64_t seed = 1) {
  Table table;
  table.set("kind", kind);
  auto made = topologies().make(table, "[topology]");
  SHOAL_CHECK(made.ok(), "known kind");
  return (*made)->build(n, seed).value();
}

std::string refusal(const std::string& kind, std::size_t n) {
  Table table;
  table.set("kind", kind);
  auto made = topologies().make(table, "[topology]");
  const auto topology = (*made)->build(n, 1);
  return topology.ok() ? "" : topology.error().message;
}

std::uint32_t diameter_of(const Topology& topology) { return diameter(topology).value(); }

TEST(Topology, CountsOfTheCard) {
  EXPECT_EQ(directed_edges(built("ring", 5)), 2 * 5u);
  EXPECT_EQ(directed_edges(built("chain", 16)), 2 * 15u);
  EXPECT_EQ(directed_edges(built("star", 16)), 2 * 15u);
  EXPECT_EQ(directed_edges(built("torus", 25)), 2 * 50u);
  EXPECT_EQ(directed_edges(built("binary_tree", 15)), 2 * 14u);
  EXPECT_EQ(directed_edges(built("relay_tree", 16)), 2 * 15u);
  EXPECT_EQ(directed_edges(built("complete", 7)), 2 * 21u);
  EXPECT_EQ(directed_edges(built("hypercube", 16)), 16 * 4u);
  EXPECT_EQ(directed_edges(built("exponential", 12)), 12 * 4u);
}

TEST(Topology, Diameters) {
  EXPECT_EQ(diameter_of(built("ring", 9)), 4u);
  EXPECT_EQ(diameter_of(built("chain", 9)), 8u);
  EXPECT_EQ(diameter_of(built("star", 9)), 2u);
  EXPECT_EQ(diameter_of(built("complete", 9)), 1u);
  EXPECT_EQ(diameter_of(built("torus", 25)), 4u);
  EXPECT_EQ(diameter_of(built("hypercube", 32)), 5u);
  EXPECT_LE(diameter_of(built("exponential", 33)), 6u);
}

TEST(Topology, DavisSouthernWomen) {
  const Topology graph = built("davis", 32);
  EXPECT_EQ(directed_edges(graph), 2 * 89u);
  EXPECT_EQ(max_degree(graph), 14u);
  EXPECT_EQ(graph.out[18 + 8 - 1].size(), 14u);  // event 8
  EXPECT_EQ(diameter_of(graph), 4u);
  EXPECT_TRUE(is_symmetric(graph));
}

TEST(Topology, DoubleTreesOfEight) {
  const Topology pair = built("double_binary_trees", 8);
  ASSERT_EQ(pair.planes.size(), 2u);
  using Lists = std::vector<std::vector<NodeId>>;
  EXPECT_EQ(pair.planes[0].out, (Lists{{1}, {0, 2, 3}, {1, 4, 5}, {1, 6, 7}, {2}, {2}, {3}, {3}}));
  EXPECT_EQ(pair.planes[1].out, (Lists{{4}, {4}, {5}, {5}, {0, 1, 6}, {2, 3, 6}, {4, 5, 7}, {6}}));
}

TEST(Topology, DoubleTreesHaveDegreeSumsUpToFour) {
  for (std::size_t n = 2; n <= 70; ++n) {
    const Topology pair = built("double_binary_trees", n);
    for (const Topology& plane : pair.planes) EXPECT_TRUE(is_tree(plane)) << n;
    for (NodeId i = 0; i < n; ++i)
      EXPECT_LE(pair.planes[0].out[i].size() + pair.planes[1].out[i].size(), 4u) << n << " " << i;
  }
}

TEST(Topology, TreesAreTreesAndCyclesAreNamed) {
  for (const char* kind : {"chain", "star", "binary_tree", "relay_tree"})
    for (std::size_t n = 2; n < 40; ++n) EXPECT_TRUE(is_tree(built(kind, n))) << kind << n;
  EXPECT_EQ(check_tree(built("ring", 4)).error().message,
            "the ring of 4 is no tree: it has the cycle 0-1-2-3-0");
  EXPECT_THAT(check_tree(built("exponential", 8)).error().message,
              HasSubstr("sends to 1 but not the other way"));
  const Topology lollipop = undirected_topology("graph", 5, {{0, 1}, {1, 2}, {2, 3}, {3, 1}});
  EXPECT_EQ(check_tree(lollipop).error().message,
            "the graph of 5 is no tree: it has the cycle 1-2-3-1");
  const Topology forest = undirected_topology("graph", 5, {{0, 1}, {2, 3}, {3, 4}});
  EXPECT_EQ(check_tree(forest).error().message,
            "the graph of 5 is not connected: node 0 cannot reach 2, 3, 4");
}

// The cycle of the error is one: consecutive nodes are joined and none repeats.
TEST(Topology, NamedCyclesAreCycles) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const Topology graph = erdos_renyi(12, seed, {.p = 0.3}).value();
    const Status status = check_tree(graph);
    if (status.ok()) continue;
    const std::string& text = status.error().message;
    std::vector<NodeId> cycle;
    for (std::size_t at = text.rfind(' ') + 1; at < text.size(); at = text.find('-', at) + 1) {
      cycle.push_back(static_cast<NodeId>(std::stoul(text.substr(at))));
      if (text.find('-', at) == std::string::npos) break;
    }
    ASSERT_GE(cycle.size(), 4u) << text;
    EXPECT_EQ(cycle.front(), cycle.back());
    for (std::size_t i = 0; i + 1 < cycle.size(); ++i) {
      const auto& list = graph.out[cycle[i]];
      EXPECT_TRUE(std::binary_search(list.begin(), list.end(), cycle[i + 1])) << text;
    }
    std::sort(cycle.begin(), cycle.end() - 1);
    EXPECT_EQ(std::adjacent_find(cycle.begin(), cycle.end() - 1), cycle.end() - 1) << text;
  }
}

TEST(Topology, DirectedConnectivity) {
  const Topology path = directed_topology("graph", 3, {{0, 1}, {1, 2}});
  EXPECT_THAT(check_connected(path).error().message, HasSubstr("cannot be reached from 1, 2"));
  EXPECT_FALSE(diameter(path).ok());
  EXPECT_TRUE(is_connected(directed_topology("graph", 3, {{0, 1}, {1, 2}, {2, 0}})));
}

TEST(Topology, DistancesAreShortest) {
  const Topology graph = built("torus", 20);
  const std::vector<std::uint32_t> hops = distances(graph, 0);
  for (NodeId v = 0; v < 20; ++v) {
    const std::uint32_t row = v / 5, column = v % 5;
    EXPECT_EQ(hops[v], std::min(row, 4 - row) + std::min(column, 5 - column));
  }
}

TEST(Topology, SpanningTree) {
  const Topology graph = built("davis", 32);
  for (NodeId root = 0; root < 32; ++root) {
    const Topology tree = spanning_tree(graph, root).value();
    EXPECT_TRUE(is_tree(tree));
    EXPECT_EQ(distances(tree, root), distances(graph, root));
  }
  EXPECT_FALSE(spanning_tree(graph, 32).ok());
  EXPECT_FALSE(spanning_tree(built("exponential", 8), 0).ok());
  const Topology square = spanning_tree(built("ring", 4), 0).value();
  EXPECT_EQ(square.out, (std::vector<std::vector<NodeId>>{{1, 3}, {0, 2}, {1}, {0}}));
}

double perron_sum(const Topology& topology) {
  return 1.0 / (1.0 + relay_mean_delay(topology).value());
}

TEST(RelayDelay, PerronSumsOfTheCard) {
  EXPECT_DOUBLE_EQ(perron_sum(built("chain", 3)), 9.0 / 11);
  EXPECT_DOUBLE_EQ(perron_sum(built("chain", 4)), 2.0 / 3);
  EXPECT_DOUBLE_EQ(perron_sum(built("chain", 8)), 4.0 / 11);
  EXPECT_DOUBLE_EQ(perron_sum(built("chain", 16)), 8.0 / 43);
  EXPECT_DOUBLE_EQ(perron_sum(built("star", 4)), 8.0 / 11);
  EXPECT_NEAR(perron_sum(built("relay_tree", 16)), 0.301176, 5e-7);
  // The exact learning-rate factors of the relay card: chain and double trees of 16.
  EXPECT_DOUBLE_EQ(1.0 + relay_mean_delay(built("chain", 16)).value(), 5.375);
  EXPECT_NEAR(1.0 + relay_mean_delay(built("double_binary_trees", 16)).value(), 3.3203, 5e-5);
}

// The delay recursion x_i(t+1) = (1/n) sum_j x_j(t - tau_ij) run on a unit step must settle there.
TEST(RelayDelay, UnitStepEndsAtThePerronSum) {
  for (const bool overlapped : {false, true}) {
    for (const char* kind : {"chain", "star", "relay_tree", "binary_tree"}) {
      const std::size_t n = 9;
      const Topology tree = built(kind, n);
      std::vector<std::vector<double>> history{std::vector<double>(n, 1.0)};
      for (int t = 0; t < 400; ++t) {
        std::vector<double> next(n, 0.0);
        for (NodeId i = 0; i < n; ++i) {
          const std::vector<std::uint32_t> hops = distances(tree, i);
          for (NodeId j = 0; j < n; ++j) {
            const std::size_t delay = overlapped || hops[j] == 0 ? hops[j] : hops[j] - 1;
            if (delay < history.size()) next[i] += history[history.size() - 1 - delay][j] / n;
          }
        }
        history.push_back(next);
      }
      const double expected = 1.0 / (1.0 + relay_mean_delay(tree, overlapped).value());
      for (const double value : history.back()) EXPECT_NEAR(value, expected, 1e-9) << kind;
    }
  }
}

TEST(Topology, Refusals) {
  EXPECT_EQ(refusal("ring", 2), "a ring needs at least 3 nodes and 2 were given");
  EXPECT_THAT(refusal("torus", 14), HasSubstr("no product of two sides"));
  EXPECT_THAT(refusal("torus", 8), HasSubstr("at least 9 nodes"));
  EXPECT_EQ(refusal("hypercube", 12),
            "a hypercube needs a power of two nodes and 12 were given; the nearest are 8 and 16");
  EXPECT_THAT(refusal("davis", 31), HasSubstr("exactly 32 nodes"));
  EXPECT_THAT(refusal("random_matching", 7), HasSubstr("even number"));
  EXPECT_THAT(refusal("complete", 100000), HasSubstr("use a sparse topology"));
  for (const char* kind : {"chain", "star", "complete", "hypercube", "binary_tree", "relay_tree",
                           "double_binary_trees", "exponential", "one_peer_exponential",
                           "erdos_renyi", "random_matching", "edges"})
    for (std::size_t n : {0u, 1u}) EXPECT_THAT(refusal(kind, n), HasSubstr("at least 2")) << kind;
  EXPECT_THAT(torus(12, {.rows = 2}).error().message, HasSubstr("a side of 2"));
  EXPECT_THAT(torus(16, {.rows = 3}).error().message, HasSubstr("rows = 3"));
  EXPECT_EQ(random_regular(5, 1, {.degree = 3}).error().message,
            "random_regular needs n * degree even and has 5 * 3");
  EXPECT_EQ(random_regular(4, 1, {.degree = 4}).error().message,
            "random_regular needs degree < n and has degree = 4, n = 4");
  EXPECT_THAT(erdos_renyi(200, 1, {.p = 0.001}).error().message, HasSubstr("make it denser"));
}

TEST(Topology, OnePeerExponential) {
  const Topology graph = built("one_peer_exponential", 12);
  ASSERT_EQ(graph.schedule.size(), 4u);
  EXPECT_EQ(graph.out, built("exponential", 12).out);
  for (std::uint64_t t = 0; t < 20; ++t)
    for (NodeId i = 0; i < 12; ++i)
      EXPECT_EQ(at_step(graph, t).out[i],
                std::vector<NodeId>{static_cast<NodeId>((i + (1u << (t % 4))) % 12)});
}

TEST(RandomGraphs, AreWhatTheySayAndReplay) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    const Topology regular = random_regular(20, seed, {.degree = 5}).value();
    for (const auto& list : regular.out) EXPECT_EQ(list.size(), 5u);
    EXPECT_TRUE(is_connected(regular) && is_symmetric(regular));
    EXPECT_EQ(regular.out, random_regular(20, seed, {.degree = 5}).value().out);
    const Topology matching = random_matching(10, seed, {.matchings = 6}).value();
    for (const Topology& step : matching.schedule)
      for (const auto& list : step.out) EXPECT_EQ(list.size(), 1u);
    EXPECT_TRUE(is_connected(matching));
  }
  EXPECT_NE(random_regular(20, 1, {.degree = 5}).value().out,
            random_regular(20, 2, {.degree = 5}).value().out);
  EXPECT_EQ(random_regular(9, 1, {.degree = 8}).value().out, built("complete", 9).out);
}

// Pair frequencies: 4000 graphs of 10 nodes, p = 0.6, conditioned on being connected (almost all
// are), against 6 standard errors; every pair must be equally likely.
TEST(RandomGraphs, ErdosRenyiFrequencies) {
  const int draws = 4000;
  std::vector<int> seen(100, 0);
  for (int seed = 0; seed < draws; ++seed) {
    const Topology graph = erdos_renyi(10, seed, {.p = 0.6}).value();
    for (NodeId i = 0; i < 10; ++i)
      for (const NodeId j : graph.out[i]) ++seen[i * 10 + j];
  }
  for (NodeId i = 0; i < 10; ++i)
    for (NodeId j = 0; j < 10; ++j)
      EXPECT_NEAR(seen[i * 10 + j], i == j ? 0 : 0.6 * draws, 6 * std::sqrt(draws * 0.24));
  EXPECT_EQ(erdos_renyi(8, 1, {.p = 1.0}).value().out, built("complete", 8).out);
}

TEST(EdgeList, ParsesAndRefuses) {
  const Topology graph = edge_list(4, {{"0>1", "1>2", "2>0", "2-3"}}).value();
  EXPECT_EQ(graph.out, (std::vector<std::vector<NodeId>>{{1}, {2}, {0, 3}, {2}}));
  const auto message = [](std::vector<std::string> edges) {
    return edge_list(3, {std::move(edges)}).error().message;
  };
  EXPECT_THAT(message({"0-1", "1-2", "1-0"}), HasSubstr("given twice"));
  EXPECT_THAT(message({"0-3"}), HasSubstr("leaves the nodes 0 to 2"));
  EXPECT_THAT(message({"1-1"}), HasSubstr("with itself"));
  EXPECT_THAT(message({"0-1"}), HasSubstr("not connected"));
  for (const char* wrong : {"", "0", "0-", "-1", "0-1x", "0 - 1", "99999999999-1"})
    EXPECT_THAT(message({wrong}), HasSubstr("is no edge")) << wrong;
}

TEST(Catalogue, EveryKindBuildsAConnectedGraph) {
  for (const auto& entry : topologies().entries()) {
    if (entry.name == "edges") continue;
    const std::size_t n = entry.name == "davis" ? 32 : 16;
    const Topology graph = built(entry.name, n);
    EXPECT_EQ(graph.size(), n);
    EXPECT_TRUE(is_connected(graph)) << entry.name;
    for (NodeId i = 0; i < n; ++i)
      EXPECT_TRUE(std::is_sorted(graph.in[i].begin(), graph.in[i].end()));
  }
}

}  // namespace
}  // namespace shoal
