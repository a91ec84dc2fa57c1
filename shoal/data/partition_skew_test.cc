// Feature and concept skew: what changes, and what must not.
#include <cmath>
#include <gtest/gtest.h>
#include <set>

#include "shoal/data/partition_statistics.h"
#include "shoal/data/partition_test_tools.h"
#include "shoal/data/source.h"

namespace shoal {
namespace {

float difference(const Partition& partition, const Dataset& data, std::uint32_t row,
                 std::size_t j) {
  return partition.data->row(row)[j] - data.row(row)[j];
}

TEST(NoiseSkew, GrowsLinearlyWithTheNode) {
  const auto data = toy_images(5000, 10, 1);
  const auto partition = split_by("noise_skew", {{"sigma_max", 0.4}}, data, 5, 1).value();
  for (std::size_t i = 0; i < 5; ++i) {
    double square = 0.0;
    for (const std::uint32_t row : partition.nodes[i])
      for (std::size_t j = 0; j < 16; ++j)
        square += std::pow(difference(partition, *data, row, j), 2);
    const double sigma =
        std::sqrt(square / (16.0 * static_cast<double>(partition.nodes[i].size())));
    EXPECT_NEAR(sigma, 0.1 * static_cast<double>(i), 0.005);
  }
  EXPECT_EQ(partition.data->labels, data->labels);
  EXPECT_FALSE(split_by("noise_skew", {{"sigma_max", -0.1}}, data, 5, 1).ok());
  EXPECT_EQ(split_by("noise_skew", {}, data, 1, 1)->data->x, data->x);
}

TEST(SpatialNoise, StaysInItsBlock) {
  const auto data = toy_images(400, 10, 1);
  const auto partition = split_by("spatial_noise", {}, data, 4, 1).value();
  for (std::size_t i = 0; i < 4; ++i)
    for (const std::uint32_t row : partition.nodes[i])
      for (std::size_t j = 0; j < 16; ++j) {
        const bool inside = (j / 4) / 2 == i / 2 && (j % 4) / 2 == i % 2;
        EXPECT_EQ(difference(partition, *data, row, j) != 0.0f, inside);
      }
  EXPECT_FALSE(split_by("spatial_noise", {}, data, 17, 1).ok());  // 5 x 5 blocks of 4 x 4 pixels
}

TEST(TransformSkew, RotatesInvertsAndBrightens) {
  const auto data = toy_images(80, 10, 1);
  const auto turned = split_by("transform_skew", {}, data, 4, 1).value();
  for (std::size_t i = 0; i < 4; ++i)
    for (const std::uint32_t row : turned.nodes[i])
      for (std::size_t y = 0; y < 4; ++y)
        for (std::size_t x = 0; x < 4; ++x) {
          // Anticlockwise: the top right corner comes to the top left.
          std::size_t from_y = y;
          std::size_t from_x = x;
          for (std::size_t turn = 0; turn < i; ++turn) {
            const std::size_t old_y = from_y;
            from_y = from_x;
            from_x = 3 - old_y;
          }
          EXPECT_EQ(turned.data->row(row)[y * 4 + x], data->row(row)[from_y * 4 + from_x]);
        }
  const auto inverted =
      split_by("transform_skew", {{"transform", "inversion"}}, data, 4, 1).value();
  const auto bright = split_by("transform_skew", {{"transform", "brightness"}}, data, 3, 1).value();
  for (std::size_t i = 0; i < 4; ++i)
    for (const std::uint32_t row : inverted.nodes[i])
      EXPECT_EQ(inverted.data->row(row)[3],
                i % 2 == 1 ? 1.0f - data->row(row)[3] : data->row(row)[3]);
  for (std::size_t i = 0; i < 3; ++i)
    for (const std::uint32_t row : bright.nodes[i])
      EXPECT_FLOAT_EQ(bright.data->row(row)[3],
                      data->row(row)[3] * (0.5f + 0.5f * static_cast<float>(i)));
}

TEST(Fcube, PairsOppositeOctants) {
  Table table;
  table.set("kind", "fcube");
  const auto task = data_sources().make(table, "[data]").value()->load(1).value();
  EXPECT_EQ(task.train->rows, 4000u);
  EXPECT_EQ(task.test->rows, 1000u);
  const auto partition = split_by("fcube", {}, task.train, 4, 1).value();
  const auto statistics = partition_statistics(partition);
  EXPECT_EQ(statistics.rows_lost, 0u);
  EXPECT_LT(statistics.mean_total_variation, 0.05);
  for (const Rows& rows : partition.nodes) {
    EXPECT_NEAR(static_cast<double>(rows.size()), 1000.0, 120.0);
    std::set<int> signs;
    for (const std::uint32_t row : rows) {
      const auto p = task.train->row(row);
      // Up to a flip of all three signs, one node holds one pattern.
      signs.insert((p[0] * p[1] > 0.0f ? 1 : 0) + (p[0] * p[2] > 0.0f ? 2 : 0));
      EXPECT_EQ(task.train->labels[row], p[0] > 0.0f ? 1 : 0);
    }
    EXPECT_EQ(signs.size(), 1u);
  }
  EXPECT_FALSE(split_by("fcube", {}, task.train, 5, 1).ok());
  EXPECT_FALSE(split_by("fcube", {}, toy_images(100, 2, 1), 4, 1).ok());
}

TEST(ColourSplit, MakesOneDomainDarkByClass) {
  const auto data = toy_images(1000, 10, 1);
  const auto partition = split_by("colour_split", {}, data, 4, 1).value();
  const auto statistics = partition_statistics(partition);
  std::uint64_t dark[10] = {};
  for (std::size_t i = 0; i < 4; ++i)
    for (const std::uint32_t row : partition.nodes[i]) {
      const bool is_dark = partition.data->row(row)[0] == 0.5f * data->row(row)[0];
      EXPECT_EQ(is_dark, i < 2);
      dark[data->labels[row]] += is_dark;
    }
  for (int c = 0; c < 10; ++c) EXPECT_EQ(dark[c], c < 5 ? 95u : 5u);
  EXPECT_EQ(statistics.rows_lost, 0u);
  EXPECT_FALSE(split_by("colour_split", {}, data, 1, 1).ok());
  EXPECT_FALSE(split_by("colour_split", {{"grey_classes", Value::List{10.0}}}, data, 4, 1).ok());
}

TEST(ColourSplit, TakesTheLuminanceOfThreeChannels) {
  auto data = std::make_shared<Dataset>(*toy_images(100, 2, 1));
  data->shape = {3, 1, 5};
  data->features = 15;
  data->x.resize(1500);
  const auto partition = split_by("colour_split", {}, data, 2, 1).value();
  for (const std::uint32_t row : partition.nodes[0])
    for (std::size_t p = 0; p < 5; ++p) {
      const auto before = data->row(row);
      const float light = 0.299f * before[p] + 0.587f * before[5 + p] + 0.114f * before[10 + p];
      for (std::size_t c = 0; c < 3; ++c)
        EXPECT_NEAR(partition.data->row(row)[c * 5 + p], light, 1e-6f);
    }
}

TEST(ConceptSkew, RenamesLabelsOneToOneOnSomeNodes) {
  const auto data = toy_images(10000, 10, 1);
  const auto partition = split_by("concept_skew", {{"probability", 0.3}}, data, 200, 1).value();
  EXPECT_EQ(partition.data->x, data->x);
  int renamed = 0;
  for (const Rows& rows : partition.nodes) {
    std::set<std::pair<int, int>> pairs;
    std::set<int> before;
    std::set<int> after;
    for (const std::uint32_t row : rows) {
      pairs.insert({data->labels[row], partition.data->labels[row]});
      before.insert(data->labels[row]);
      after.insert(partition.data->labels[row]);
    }
    EXPECT_EQ(pairs.size(), before.size());
    EXPECT_EQ(pairs.size(), after.size());
    bool moved = false;
    for (const auto& [from, to] : pairs) moved = moved || from != to;
    renamed += moved;
  }
  EXPECT_NEAR(renamed, 60, 25);
  EXPECT_EQ(split_by("concept_skew", {{"probability", 0.0}}, data, 10, 1)->data->labels,
            data->labels);
}

}  // namespace
}  // namespace shoal
