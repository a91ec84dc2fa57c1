// Label skew: shards, labels_per_client, the two Dirichlets, Pachinko, quantity skew.
#include <cmath>
#include <gtest/gtest.h>
#include <limits>

#include "shoal/data/partition_shards.h"
#include "shoal/data/partition_statistics.h"
#include "shoal/data/partition_test_tools.h"
#include "shoal/data/partition_tools.h"

namespace shoal {
namespace {

using Sizes = std::vector<std::size_t>;

TEST(Cuts, FloorTheCumulatedSum) {
  EXPECT_EQ(sizes_by_proportions(std::vector<double>{0.2, 0.3, 0.5}, 7), (Sizes{1, 2, 4}));
  // Ten tenths add to less than 1 in floating point; the last cut is forced.
  std::size_t total = 0;
  for (const std::size_t size : sizes_by_proportions(std::vector<double>(10, 0.1), 1000000007))
    total += size;
  EXPECT_EQ(total, 1000000007u);
}

TEST(Shards, OfTheCard) {
  const Rows sorted = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  const auto nodes = deal_shards(sorted, 2, Rows{2, 0, 3, 1});
  EXPECT_EQ(nodes[0], (Rows{6, 7, 8, 0, 1, 2}));
  EXPECT_EQ(nodes[1], (Rows{9, 10, 11, 3, 4, 5}));
  auto data = std::make_shared<Dataset>();
  data->rows = 12;
  data->features = 0;
  data->classes = 3;
  data->labels = {0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2};
  const auto statistics = partition_statistics(Partition{data, nodes});
  EXPECT_EQ(statistics.histogram, (std::vector<std::uint64_t>{3, 2, 1, 1, 2, 3}));
  EXPECT_NEAR(statistics.labels[0].total_variation, 1.0 / 6.0, 1e-15);
  EXPECT_NEAR(statistics.labels[1].total_variation, 1.0 / 6.0, 1e-15);
}

TEST(Shards, OfMnistSizeSeeFewClasses) {
  const auto data = toy_images(60000, 10, 1);
  const auto statistics =
      partition_statistics(split_by("shards", {{"shards", 2}}, data, 100, 1).value());
  EXPECT_EQ(statistics.size.smallest, 600u);
  EXPECT_EQ(statistics.size.largest, 600u);
  for (const LabelSkew& node : statistics.labels) EXPECT_LE(node.classes_present, 2u);
  EXPECT_FALSE(split_by("shards", {{"shards", 601}}, data, 100, 1).ok());
}

TEST(Shards, PutTheRemainderInTheLastShard) {
  Rows sorted(14);
  for (std::uint32_t i = 0; i < 14; ++i) sorted[i] = i;
  const auto nodes = deal_shards(sorted, 2, Rows{3, 0, 1, 2});
  EXPECT_EQ(nodes[0], (Rows{9, 10, 11, 12, 13, 0, 1, 2}));
}

TEST(LabelsPerClient, HoldsExactlyThatMany) {
  const auto data = toy_images(6000, 10, 1);
  for (const int labels : {1, 2, 3, 10})
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
      const auto statistics = partition_statistics(
          split_by("labels_per_client", {{"labels", labels}}, data, 20, seed).value());
      for (std::size_t i = 0; i < 20; ++i) {
        EXPECT_EQ(statistics.labels[i].classes_present, static_cast<std::size_t>(labels));
        EXPECT_GT(statistics.histogram[i * 10 + i % 10], 0u);
      }
      if (labels == 10) {
        EXPECT_NEAR(statistics.mean_total_variation, 0.0, 1e-12);
      }
    }
}

TEST(LabelsPerClient, OwnsEveryClassEvenWithFewerNodes) {
  const auto data = toy_images(6000, 10, 1);
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const auto statistics =
        partition_statistics(split_by("labels_per_client", {{"labels", 2}}, data, 5, seed).value());
    EXPECT_EQ(statistics.rows_lost, 0u);
    for (const LabelSkew& node : statistics.labels) EXPECT_EQ(node.classes_present, 2u);
  }
  EXPECT_FALSE(split_by("labels_per_client", {{"labels", 1}}, data, 9, 1).ok());
  EXPECT_FALSE(split_by("labels_per_client", {{"labels", 11}}, data, 20, 1).ok());
  EXPECT_FALSE(split_by("labels_per_client", {{"labels", 3}}, toy_images(100, 10, 1), 60, 1).ok());
}

TEST(DirichletSampler, HasTheExpectedSumOfSquares) {
  struct Expected {
    double alpha;
    double sum;
  };
  for (const auto [alpha, sum] : {Expected{0.1, 0.55},
                                  {0.5, 0.25},
                                  {1.0, 0.1818182},
                                  {100.0, 0.1008991},
                                  {0.001, 0.9910891}}) {
    EXPECT_NEAR((alpha + 1.0) / (10.0 * alpha + 1.0), sum, 1e-7);
    RandomStream stream(1, purpose("dirichlet oracle"));
    const std::vector<double> alphas(10, alpha);
    double mean = 0.0;
    for (int draw = 0; draw < 100000; ++draw)
      for (const double p : stream.dirichlet(alphas)) mean += p * p / 100000.0;
    EXPECT_NEAR(mean / sum, 1.0, 0.01) << alpha;
  }
}

TEST(OpenDraw, KeepsProportionsOfWhatIsLeft) {
  // Weights e^0, e^-2000, e^-2000 + ln 3: once the first closes, 1 to 3, though both underflow.
  OpenDraw draw({0.0, -2000.0, -2000.0 + std::log(3.0)});
  RandomStream stream(3, purpose("open draw"));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(draw.draw(stream), 0u);
  draw.close(0);
  int third = 0;
  for (int i = 0; i < 40000; ++i) third += draw.draw(stream) == 2;
  EXPECT_NEAR(third, 30000, 400);
  draw.close(2);
  EXPECT_EQ(draw.draw(stream), 1u);
  draw.close(1);
  EXPECT_FALSE(draw.any_open());
}

TEST(Dirichlet, IsIidInTheLimitOfLargeAlpha) {
  const auto data = toy_images(60000, 10, 1);
  for (const char* kind : {"dirichlet_clients", "dirichlet_labels"}) {
    const auto statistics =
        partition_statistics(split_by(kind, {{"alpha", 1e6}}, data, 10, 1).value());
    EXPECT_LT(statistics.mean_total_variation, 0.02) << kind;
  }
}

TEST(Dirichlet, HasAboutOneClassInTheLimitOfSmallAlpha) {
  // "While labels last": the first nodes, which find every label in stock.
  const auto data = toy_images(60000, 10, 1);
  const auto statistics =
      partition_statistics(split_by("dirichlet_labels", {{"alpha", 1e-3}}, data, 100, 1).value());
  double mean = 0.0;
  for (std::size_t i = 0; i < 30; ++i) mean += statistics.labels[i].effective_entropy / 30.0;
  EXPECT_LT(mean, 1.2);
}

TEST(Dirichlet, TheTwoDiffer) {
  const auto data = toy_images(60000, 10, 1);
  const auto clients =
      partition_statistics(split_by("dirichlet_clients", {{"alpha", 0.1}}, data, 10, 1).value());
  const auto labels =
      partition_statistics(split_by("dirichlet_labels", {{"alpha", 0.1}}, data, 10, 1).value());
  EXPECT_GT(clients.size.variation, 0.1);
  EXPECT_EQ(labels.size.variation, 0.0);
  EXPECT_GT(clients.mean_total_variation, 0.3);
  EXPECT_GT(labels.mean_total_variation, 0.3);
}

TEST(DirichletClients, KeepsMinRowsOrGivesUp) {
  const auto data = toy_images(2000, 10, 1);
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const auto statistics = partition_statistics(
        split_by("dirichlet_clients", {{"alpha", 0.3}, {"min_rows", 20}}, data, 10, seed).value());
    EXPECT_GE(statistics.size.smallest, 20u);
  }
  const auto hopeless =
      split_by("dirichlet_clients", {{"alpha", 0.01}, {"max_tries", 20}}, data, 100, 1);
  ASSERT_FALSE(hopeless.ok());
  EXPECT_EQ(hopeless.error().code, ErrorCode::kLimit);
  EXPECT_FALSE(split_by("dirichlet_clients", {{"min_rows", 201}}, data, 10, 1).ok());
}

TEST(Dirichlet, RefusesAlphaOutsideItsRange) {
  const auto data = toy_images(2000, 10, 1);
  for (const char* kind : {"dirichlet_clients", "dirichlet_labels"})
    for (const double alpha : {0.0, -1.0, std::numeric_limits<double>::infinity(),
                               std::numeric_limits<double>::quiet_NaN()})
      EXPECT_FALSE(split_by(kind, {{"alpha", alpha}}, data, 10, 1).ok()) << alpha;
  EXPECT_FALSE(split_by("dirichlet_labels", {{"cover", "some"}}, data, 10, 1).ok());
}

TEST(Pachinko, FollowsTheTree) {
  // 100 fine labels in 20 coarse ones, 500 nodes of 100 rows, as for CIFAR-100.
  const auto data = toy_images(50000, 100, 1);
  Value::List coarse;
  for (int c = 0; c < 100; ++c) coarse.push_back(static_cast<double>(c / 5));
  const auto partition =
      split_by("pachinko", {{"coarse", coarse}, {"rows_per_node", 100}}, data, 500, 1);
  ASSERT_TRUE(partition.ok()) << partition.error().message;
  const auto statistics = partition_statistics(*partition);
  EXPECT_EQ(statistics.rows_lost, 0u);
  EXPECT_EQ(statistics.size.variation, 0.0);
  // While labels last, a node's coarse labels are few and their fine ones near uniform.
  double coarse_count = 0.0;
  for (std::size_t i = 0; i < 100; ++i) {
    double squares = 0.0;
    for (std::size_t g = 0; g < 20; ++g) {
      double share = 0.0;
      for (std::size_t k = 0; k < 5; ++k)
        share += static_cast<double>(statistics.histogram[i * 100 + g * 5 + k]) / 100.0;
      squares += share * share;
    }
    coarse_count += squares / 100.0;
  }
  // E sum p^2 over 20 coarse labels at 0.1 is 1.1 / 3; sampling 100 rows adds (1 - that) / 100.
  EXPECT_NEAR(coarse_count, 1.1 / 3.0 + (1.0 - 1.1 / 3.0) / 100.0, 0.06);
  EXPECT_FALSE(split_by("pachinko", {}, data, 500, 1).ok());
  EXPECT_FALSE(
      split_by("pachinko", {{"coarse", coarse}, {"rows_per_node", 101}}, data, 500, 1).ok());
}

TEST(Quantity, SkewsSizesAndNotLabels) {
  const auto data = toy_images(60000, 10, 1);
  const auto dirichlet =
      partition_statistics(split_by("quantity_dirichlet", {{"beta", 0.5}}, data, 10, 2).value());
  EXPECT_GE(dirichlet.size.smallest, 10u);
  EXPECT_GT(dirichlet.size.variation, 0.5);
  EXPECT_LT(dirichlet.mean_total_variation, 0.02);
  // The CV of a lognormal of sigma 0.3 is sqrt(exp(0.09) - 1) = 0.3069.
  const auto lognormal =
      partition_statistics(split_by("quantity_lognormal", {{"sigma", 0.3}}, data, 2000, 2).value());
  EXPECT_NEAR(lognormal.size.variation, 0.3069, 0.03);
  EXPECT_FALSE(split_by("quantity_dirichlet", {{"beta", 0.0}}, data, 10, 2).ok());
  EXPECT_FALSE(split_by("quantity_lognormal", {{"sigma", 0.0}}, data, 10, 2).ok());
  EXPECT_FALSE(
      split_by("quantity_dirichlet", {{"beta", 0.001}, {"max_tries", 5}}, data, 50, 2).ok());
}

TEST(PowerLaw, GivesTwoNeighbouringClasses) {
  const auto data = toy_images(60000, 10, 1);
  const auto statistics = partition_statistics(split_by("power_law", {}, data, 1000, 1).value());
  EXPECT_GE(statistics.size.smallest, 10u);
  EXPECT_GT(statistics.size.largest, 500u);
  for (std::size_t u = 0; u < 1000; ++u) {
    EXPECT_EQ(statistics.labels[u].classes_present, 2u);
    EXPECT_GE(statistics.histogram[u * 10 + u % 10], 5u);
    EXPECT_GE(statistics.histogram[u * 10 + (u + 1) % 10], 5u);
  }
  EXPECT_FALSE(split_by("power_law", {{"base_rows", 31}}, data, 1000, 1).ok());
}

}  // namespace
}  // namespace shoal
