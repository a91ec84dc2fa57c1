#include "shoal/method/server_optimizer.h"

#include <gtest/gtest.h>

namespace shoal {
namespace {

ServerOptimizerSettings settings_of(ServerOptimizerKind kind, double learning_rate) {
  ServerOptimizerSettings settings;
  settings.kind = kind;
  settings.learning_rate = learning_rate;
  return settings;
}

// w = 1, pseudo-gradients 0.5 and then -0.2, b1 = 0.9, b2 = 0.99, tau = 1e-3, from zero state.
TEST(ServerOptimizer, FedOptByHand) {
  struct Row {
    ServerOptimizerKind kind;
    float first;
    float second;
  };
  for (const Row& row : {Row{ServerOptimizerKind::kAdagrad, 1.0099800f, 1.0146138f},
                         Row{ServerOptimizerKind::kYogi, 1.0980392f, 1.1436167f},
                         Row{ServerOptimizerKind::kAdam, 1.0980392f, 1.1438108f}}) {
    ServerOptimizer optimizer(settings_of(row.kind, 0.1));
    std::vector<float> w = {1.0f};
    optimizer.step(0, std::vector<float>{0.5f}, w);
    EXPECT_NEAR(w[0], row.first, 2e-7);
    optimizer.step(0, std::vector<float>{-0.2f}, w);
    EXPECT_NEAR(w[0], row.second, 2e-7);
  }
}

TEST(ServerOptimizer, SgdOfOneAddsTheUpdate) {
  ServerOptimizer optimizer(settings_of(ServerOptimizerKind::kSgd, 1.0));
  std::vector<float> w = {1.0f, -2.0f};
  optimizer.step(0, std::vector<float>{0.25f, 0.1f}, w);
  EXPECT_EQ(w[0], 1.0f + 0.25f);
  EXPECT_EQ(w[1], -2.0f + 0.1f);
}

TEST(ServerOptimizer, MomentumAccumulates) {
  ServerOptimizer optimizer(settings_of(ServerOptimizerKind::kMomentum, 0.5));
  std::vector<float> w = {0.0f};
  optimizer.step(0, std::vector<float>{1.0f}, w);
  EXPECT_FLOAT_EQ(w[0], 0.5f);
  optimizer.step(0, std::vector<float>{2.0f}, w);  // m = 0.9 + 2
  EXPECT_FLOAT_EQ(w[0], 0.5f + 0.5f * 2.9f);
}

// What was saved goes on with the same bits.
TEST(ServerOptimizer, SavedAndLoaded) {
  for (const auto kind : {ServerOptimizerKind::kMomentum, ServerOptimizerKind::kAdagrad,
                          ServerOptimizerKind::kAdam, ServerOptimizerKind::kYogi}) {
    ServerOptimizer optimizer(settings_of(kind, 0.1));
    std::vector<float> w = {1.0f, 2.0f, 3.0f};
    const std::vector<float> delta = {0.3f, -0.2f, 0.7f};
    optimizer.step(0, delta, w);
    ByteWriter writer;
    optimizer.save(writer);
    ServerOptimizer other(settings_of(kind, 0.1));
    ByteReader reader(writer.bytes());
    ASSERT_TRUE(other.load(reader).ok());
    EXPECT_TRUE(reader.done());
    std::vector<float> v = w;
    optimizer.step(0, delta, w);
    other.step(0, delta, v);
    EXPECT_EQ(w, v);
    // A fresh one would have gone elsewhere.
    std::vector<float> u = {1.0f, 2.0f, 3.0f};
    ServerOptimizer fresh(settings_of(kind, 0.1));
    fresh.step(0, delta, u);
    EXPECT_NE(u, w);
  }
}

}  // namespace
}  // namespace shoal
