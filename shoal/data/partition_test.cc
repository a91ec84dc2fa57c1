// Properties that every partition must have, over seeds and sizes.
#include "shoal/data/partition.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <set>

#include "shoal/data/partition_statistics.h"
#include "shoal/data/partition_test_tools.h"

namespace shoal {
namespace {

struct Case {
  const char* kind;
  std::vector<std::pair<const char*, Value>> settings;
  std::size_t nodes;
  bool covers;  // every row goes to some node
};

const Value kCoarse = Value::List{0.0, 0.0, 1.0, 1.0, 2.0, 2.0, 2.0, 3.0, 3.0, 3.0};

std::vector<Case> all_cases() {
  return {{"iid", {}, 7, true},
          {"shards", {{"shards", 3}}, 7, true},
          {"labels_per_client", {{"labels", 2}}, 10, true},
          {"labels_per_client", {{"labels", 3}}, 4, true},
          {"labels_per_client", {{"labels", 1}, {"cover", "owned"}}, 4, false},
          {"dirichlet_clients", {{"alpha", 0.5}}, 8, true},
          {"dirichlet_labels", {{"alpha", 0.1}}, 8, true},
          {"dirichlet_labels", {{"alpha", 0.001}, {"prior", "data"}}, 9, true},
          {"dirichlet_labels", {{"alpha", 0.1}, {"cover", "floor"}}, 7, false},
          {"pachinko", {{"coarse", kCoarse}}, 9, true},
          {"pachinko", {{"coarse", kCoarse}, {"rows_per_node", 20}}, 9, false},
          {"quantity_dirichlet", {{"beta", 0.5}}, 8, true},
          {"quantity_lognormal", {{"sigma", 2.0}}, 8, true},
          {"power_law", {}, 20, false},
          {"noise_skew", {}, 7, true},
          {"spatial_noise", {}, 7, true},
          {"transform_skew", {}, 7, true},
          {"colour_split", {}, 5, true},
          {"concept_skew", {}, 7, true},
          {"users", {}, 13, true},
          {"users", {{"choose", "sample"}}, 5, false},
          {"temporal", {{"block", 5}}, 7, true}};
}

TEST(EveryPartition, UsesNoRowTwiceAndCoversWhatItPromises) {
  const auto data = toy_images(1003, 10, 13);
  for (const Case& one : all_cases())
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      SCOPED_TRACE(fmt::format("{} seed {}", one.kind, seed));
      const auto partition = split_by(one.kind, one.settings, data, one.nodes, seed);
      ASSERT_TRUE(partition.ok()) << partition.error().message;
      const auto statistics = partition_statistics(*partition);
      EXPECT_EQ(statistics.nodes, one.nodes);
      EXPECT_EQ(statistics.rows_shared, 0u);
      EXPECT_EQ(statistics.rows_lost == 0, one.covers) << statistics.rows_lost;
      EXPECT_EQ(partition->data->rows, data->rows);
    }
}

TEST(EveryPartition, DependsOnItsSeedAlone) {
  const auto data = toy_images(1003, 10, 13);
  for (const Case& one : all_cases()) {
    SCOPED_TRACE(one.kind);
    const auto first = split_by(one.kind, one.settings, data, one.nodes, 5).value();
    const auto again = split_by(one.kind, one.settings, data, one.nodes, 5).value();
    const auto other = split_by(one.kind, one.settings, data, one.nodes, 6).value();
    EXPECT_EQ(partition_digest(first), partition_digest(again));
    EXPECT_EQ(first.data->x, again.data->x);
    EXPECT_EQ(first.data->labels, again.data->labels);
    EXPECT_NE(partition_digest(first), partition_digest(other));
  }
}

TEST(EveryPartition, GivesTheSameAssignmentOnEveryPlatform) {
  const auto data = toy_images(1003, 10, 13);
  std::string digests;
  for (const Case& one : all_cases()) {
    const auto partition = split_by(one.kind, one.settings, data, one.nodes, 5).value();
    digests += hex(partition_digest(partition)).substr(0, 8) + " ";
  }
  EXPECT_EQ(digests,
            "8168989c f8946249 0bca6f9e 62b0571f 36874a16 c45e2dd9 28f1b2be de41f162 06fbefd6 "
            "959cd88b c0909dcb 7c6b8cfb df2d6204 3a76e5d4 8168989c 8168989c 8168989c 6c001d77 "
            "8168989c f01bc3b0 fd47376f aaa105f7 ");
}

TEST(EveryPartition, RefusesNoNodesAndTooMany) {
  const auto data = toy_images(20, 2, 3);
  for (const auto& entry : partitioners().entries()) {
    SCOPED_TRACE(entry.name);
    EXPECT_FALSE(split_by(entry.name.c_str(), {}, data, 0, 1).ok());
    EXPECT_EQ(split_by(entry.name.c_str(), {}, data, 21, 1).ok(), entry.name == "resample");
  }
}

TEST(EveryPartition, ThatNeedsLabelsRefusesRegression) {
  auto data = std::make_shared<Dataset>(*toy_images(100, 2, 3));
  data->classes = 0;
  data->labels.clear();
  data->targets.assign(100, 0.0f);
  for (const char* kind :
       {"shards", "labels_per_client", "dirichlet_clients", "dirichlet_labels", "pachinko",
        "power_law", "colour_split", "concept_skew", "temporal", "class_lists"})
    EXPECT_FALSE(split_by(kind, {}, data, 4, 1).ok()) << kind;
  for (const char* kind : {"iid", "quantity_lognormal", "noise_skew", "resample"})
    EXPECT_TRUE(split_by(kind, {}, data, 4, 1).ok()) << kind;
}

TEST(Iid, GivesTheFirstNodesOneMore) {
  const auto partition = split_by("iid", {}, toy_images(11, 2, 1), 4, 3).value();
  std::vector<std::size_t> sizes;
  for (const Rows& rows : partition.nodes) sizes.push_back(rows.size());
  EXPECT_EQ(sizes, (std::vector<std::size_t>{3, 3, 3, 2}));
}

TEST(Resample, SharesRowsAndAllowsMoreNodesThanRows) {
  const auto partition =
      split_by("resample", {{"rows_per_node", 7}}, toy_images(5, 2, 1), 50, 3).value();
  const auto statistics = partition_statistics(partition);
  EXPECT_EQ(statistics.size.smallest, 7u);
  EXPECT_EQ(statistics.size.largest, 7u);
  EXPECT_EQ(statistics.rows_shared, 5u);
}

TEST(Users, GivesEachNodeOneUserAndDropsSmallOnes) {
  auto data = std::make_shared<Dataset>(*toy_images(10, 2, 1));
  data->users = {5, 5, 5, 9, 9, 9, 9, 2, 2, 7};
  const auto all = split_by("users", {}, data, 4, 1).value();
  EXPECT_EQ(std::set<std::uint32_t>(all.nodes[0].begin(), all.nodes[0].end()),
            (std::set<std::uint32_t>{7, 8}));
  const auto large = split_by("users", {{"min_rows", 3}}, data, 2, 1).value();
  EXPECT_EQ(partition_statistics(large).rows_lost, 3u);
  EXPECT_FALSE(split_by("users", {}, data, 3, 1).ok());
  EXPECT_TRUE(split_by("users", {{"choose", "sample"}}, data, 3, 1).ok());
  data->users.clear();
  EXPECT_FALSE(split_by("users", {}, data, 4, 1).ok());
}

TEST(Temporal, ChangesClassOnlyBetweenBlocks) {
  const auto data = toy_images(1000, 10, 1);
  const auto partition = split_by("temporal", {{"block", 4}}, data, 5, 1).value();
  for (const Rows& rows : partition.nodes) {
    std::size_t runs = 1;
    for (std::size_t k = 1; k < rows.size(); ++k)
      runs += data->labels[rows[k]] != data->labels[rows[k - 1]];
    // 200 rows of 10 classes in blocks of 4: at most 50 full blocks and 10 remainders.
    EXPECT_LE(runs, 60u);
    EXPECT_GE(runs, 30u);
  }
  const auto sorted = split_by("temporal", {{"block", 1000}}, data, 5, 1).value();
  for (const Rows& rows : sorted.nodes) {
    std::size_t runs = 1;
    for (std::size_t k = 1; k < rows.size(); ++k)
      runs += data->labels[rows[k]] != data->labels[rows[k - 1]];
    EXPECT_EQ(runs, 10u);
  }
}

TEST(ClassLists, HandsOutWhatIsAskedFor) {
  const auto data = toy_images(1000, 10, 1);
  const Value labelled = Value::List{"0:20, 1:30", "0:10"};
  const Value unlabelled = Value::List{"0:5,6:100", ""};
  const auto partition =
      split_by("class_lists", {{"labelled", labelled}, {"unlabelled", unlabelled}}, data, 2, 1);
  ASSERT_TRUE(partition.ok()) << partition.error().message;
  const auto statistics = partition_statistics(*partition);
  EXPECT_EQ(statistics.histogram[0], 20u);
  EXPECT_EQ(statistics.histogram[1], 30u);
  EXPECT_EQ(statistics.sizes, (std::vector<std::uint64_t>{50, 10}));
  EXPECT_EQ(partition->unlabelled[0].size(), 105u);
  EXPECT_EQ(partition->unlabelled[1].size(), 0u);
  EXPECT_EQ(statistics.rows_shared, 0u);
  EXPECT_EQ(statistics.rows_lost, 835u);
  for (const char* wrong : {"0:101", "10:1", "0", "0:-1", "x:1", "0:1,,1:1"})
    EXPECT_FALSE(split_by("class_lists", {{"labelled", Value::List{wrong, ""}}}, data, 2, 1).ok())
        << wrong;
  EXPECT_FALSE(split_by("class_lists", {{"labelled", Value::List{"0:1"}}}, data, 2, 1).ok());
}

}  // namespace
}  // namespace shoal
