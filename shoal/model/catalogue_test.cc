// The names of the catalogue, and what it says to models that do not fit their data.
#include <gtest/gtest.h>

#include "shoal/model/model_checks.h"

namespace shoal {
namespace {

std::string refusal(const Table& settings, const Dataset& data) {
  const auto made = models().make(settings, "[model]", data);
  return made.ok() ? "" : made.error().message;
}

TEST(ModelCatalogue, HasTheSameNamesWithAndWithoutLibTorch) {
  std::vector<std::string> names;
  for (const ModelEntry& entry : models().entries()) names.push_back(entry.name);
  EXPECT_EQ(names, (std::vector<std::string>{"quadratic", "ridge", "logistic", "softmax",
                                             "bilinear_saddle", "robust_logistic", "mlp", "cnn",
                                             "lenet5", "resnet_groupnorm", "torchscript"}));
}

TEST(ModelCatalogue, ConvexModelsRefuseDataTheyDoNotFit) {
  const Dataset targets = blobs({5}, 0, 4);
  const Dataset three = blobs({5}, 3, 6);
  EXPECT_NE(refusal(table({{"kind", "ridge"}}), three).find("'blobs' has 3 classes"),
            std::string::npos);
  EXPECT_NE(refusal(table({{"kind", "logistic"}}), three).find("'blobs' has 3"), std::string::npos);
  EXPECT_NE(refusal(table({{"kind", "softmax"}}), targets).find("'blobs' has 0"),
            std::string::npos);
  EXPECT_NE(refusal(table({{"kind", "quadratic"}}), targets).find("5 features"), std::string::npos);
}

}  // namespace
}  // namespace shoal
