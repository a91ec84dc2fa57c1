#include "shoal/base/kind_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shoal {
namespace {

using ::testing::ElementsAre;

TEST(KindText, KindsAndSettings) {
  const Table table = *kind_table("topk:ratio=0.5,index=rice", {"top_k", "rand_k"});
  EXPECT_EQ(*table.find("kind")->as<std::string>(), "top_k");
  EXPECT_EQ(*table.find("ratio")->as<double>(), 0.5);
  EXPECT_EQ(*table.find("index")->as<std::string>(), "rice");
  EXPECT_EQ(*kind_table("tpk", {"top_k"})->find("kind")->as<std::string>(), "tpk");
  EXPECT_EQ(kind_table("mean:weighted", {}).error().message,
            "'weighted' in 'mean:weighted': write settings as name=value, like top_k:ratio=0.01");
  EXPECT_FALSE(kind_table("mean:=3", {}).ok());
  EXPECT_FALSE(kind_table("mean:a=1,,b=2", {}).ok());
}

TEST(KindText, KindsThatFollowOneAnother) {
  EXPECT_THAT(split_kinds("nnm,trimmed_mean"), ElementsAre("nnm", "trimmed_mean"));
  EXPECT_THAT(split_kinds("mean"), ElementsAre("mean"));
  EXPECT_THAT(split_kinds("flag:subspace=2,scale=mean_norm,nnm,rfa:iterations=4"),
              ElementsAre("flag:subspace=2,scale=mean_norm", "nnm", "rfa:iterations=4"));
  EXPECT_THAT(split_kinds("nnm,topk:k"), ElementsAre("nnm", "topk:k"));
  EXPECT_THAT(split_kinds("nnm,,mean"), ElementsAre("nnm", "", "mean"));
}

}  // namespace
}  // namespace shoal
