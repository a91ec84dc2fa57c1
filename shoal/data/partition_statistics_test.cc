#include "shoal/data/partition_statistics.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <numbers>

namespace shoal {
namespace {

using Counts = std::vector<std::uint64_t>;

Partition small_partition() {
  auto data = std::make_shared<Dataset>();
  data->rows = 6;
  data->features = 1;
  data->shape = {1};
  data->classes = 2;
  data->x.assign(6, 0.0f);
  data->labels = {0, 0, 0, 1, 1, 1};
  return Partition{data, {{0, 1}, {3, 4, 2}, {}}};
}

TEST(LabelSkew, OfHalfHalfAgainstThirds) {
  const LabelSkew skew = label_skew(Counts{5, 5, 0}, Counts{10, 10, 10});
  EXPECT_NEAR(skew.total_variation, 1.0 / 3.0, 1e-15);
  EXPECT_NEAR(2.0 * skew.total_variation, 2.0 / 3.0, 1e-15);
  EXPECT_NEAR(skew.effective_entropy, 2.0, 1e-14);
  EXPECT_NEAR(skew.effective_simpson, 2.0, 1e-14);
  EXPECT_EQ(skew.classes_present, 2u);
  EXPECT_NEAR(skew.entropy, std::numbers::ln2, 1e-15);
  // Middle (5/12, 5/12, 1/6): H = 1.0281817; minus (ln 2 + ln 3) / 2.
  EXPECT_NEAR(skew.jensen_shannon,
              -(10.0 / 12.0) * std::log(5.0 / 12.0) - std::log(1.0 / 6.0) / 6.0 -
                  0.5 * (std::log(2.0) + std::log(3.0)),
              1e-14);
}

TEST(LabelSkew, OfEqualsAndOfStrangers) {
  EXPECT_EQ(label_skew(Counts{1, 2, 3}, Counts{2, 4, 6}).total_variation, 0.0);
  EXPECT_NEAR(label_skew(Counts{1, 2, 3}, Counts{2, 4, 6}).jensen_shannon, 0.0, 1e-15);
  const LabelSkew strangers = label_skew(Counts{4, 0}, Counts{0, 9});
  EXPECT_EQ(strangers.total_variation, 1.0);
  EXPECT_NEAR(strangers.jensen_shannon, std::numbers::ln2, 1e-15);
}

TEST(SizeSkew, OfTenToForty) {
  const SizeSkew skew = size_skew(Counts{30, 10, 40, 20});
  EXPECT_NEAR(skew.gini, 0.25, 1e-15);
  EXPECT_NEAR(skew.variation, 0.4472136, 1e-7);
  EXPECT_NEAR(skew.effective_clients, 3.3333333, 1e-7);
  EXPECT_NEAR(skew.skewness, 0.0, 1e-14);
  EXPECT_EQ(skew.smallest, 10u);
  EXPECT_EQ(skew.largest, 40u);
  // Adjusted Fisher-Pearson skewness of (1, 1, 4): g1 = 1 / sqrt 2, times sqrt 6.
  EXPECT_NEAR(size_skew(Counts{1, 1, 4}).skewness, std::sqrt(3.0), 1e-12);
}

TEST(PartitionStatistics, CountsWhatIsLostSharedAndEmpty) {
  Partition partition = small_partition();
  const PartitionStatistics statistics = partition_statistics(partition);
  EXPECT_EQ(statistics.sizes, (Counts{2, 3, 0}));
  EXPECT_EQ(statistics.empty_nodes, 1u);
  EXPECT_EQ(statistics.rows_lost, 1u);
  EXPECT_EQ(statistics.rows_shared, 0u);
  EXPECT_EQ(statistics.histogram, (Counts{2, 0, 1, 2, 0, 0}));
  // Together (3, 2) / 5: TV of node 0 is 2/5, of node 1 |1/3 - 3/5| = 4/15; weighted by rows.
  EXPECT_NEAR(statistics.mean_total_variation, (2 * 0.4 + 3 * 4.0 / 15.0) / 5.0, 1e-15);
  partition.nodes[2] = {0, 0, 5};
  EXPECT_EQ(partition_statistics(partition).rows_shared, 1u);
  EXPECT_EQ(partition_statistics(partition).rows_lost, 0u);
}

TEST(PartitionStatistics, DigestIsOfTheAssignment) {
  // SHA-256 of u64 3; u64 2, u32 0, 1; u64 3, u32 3, 4, 2; u64 0, little-endian, by sha256sum.
  Partition partition = small_partition();
  ByteWriter writer;
  writer.number<std::uint64_t>(3);
  writer.number<std::uint64_t>(2);
  for (const std::uint32_t row : {0u, 1u}) writer.number(row);
  writer.number<std::uint64_t>(3);
  for (const std::uint32_t row : {3u, 4u, 2u}) writer.number(row);
  writer.number<std::uint64_t>(0);
  EXPECT_EQ(partition_digest(partition), sha256(writer.bytes()));
  const Digest before = partition_digest(partition);
  std::swap(partition.nodes[0], partition.nodes[1]);
  EXPECT_NE(partition_digest(partition), before);
}

TEST(PartitionStatistics, PrintsTableMapAndCsv) {
  const PartitionStatistics statistics = partition_statistics(small_partition());
  const std::string table = statistics_table(statistics);
  EXPECT_NE(table.find("3 (1 empty)"), std::string::npos);
  EXPECT_NE(table.find("6 (1 lost, 0 shared)"), std::string::npos);
  EXPECT_NE(table.find(hex(statistics.digest)), std::string::npos);
  EXPECT_EQ(label_heat_map(statistics), "    0 |@- |\n    1 | * |\n");
  EXPECT_NE(label_heat_map(statistics, 2).find("the first 2 of 3"), std::string::npos);
  const std::string csv = statistics_csv(statistics);
  EXPECT_EQ(csv.substr(0, csv.find('\n')),
            "node,rows,classes_present,entropy,effective_entropy,effective_simpson,"
            "total_variation,jensen_shannon,label_0,label_1");
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 4);
  EXPECT_NE(csv.find("\n0,2,1,"), std::string::npos);
}

TEST(GradientDissimilarity, OfTwoOppositePulls) {
  const std::vector<double> a = {1, 0};
  const std::vector<double> b = {0, 2};
  const std::vector<std::span<const double>> gradients = {a, b};
  // p = (1/4, 3/4): g = (1/4, 3/2), ||g||^2 = 37/16; mean square 13/4; zeta^2 = 13/4 - 37/16.
  const auto got = gradient_dissimilarity(gradients, std::vector<double>{1, 3});
  EXPECT_NEAR(got.zeta_squared, 15.0 / 16.0, 1e-15);
  EXPECT_NEAR(got.b_squared, 52.0 / 37.0, 1e-15);
  const std::vector<float> c = {1, -1};
  const std::vector<float> d = {-1, 1};
  const auto opposite =
      gradient_dissimilarity(std::vector<std::span<const float>>{c, d}, std::vector<double>{1, 1});
  EXPECT_EQ(opposite.zeta_squared, 2.0);
  EXPECT_TRUE(std::isinf(opposite.b_squared));
  const auto equal =
      gradient_dissimilarity(std::vector<std::span<const float>>{c, c}, std::vector<double>{1, 1});
  EXPECT_EQ(equal.zeta_squared, 0.0);
  EXPECT_EQ(equal.b_squared, 1.0);
}

}  // namespace
}  // namespace shoal
