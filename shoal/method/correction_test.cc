#include "shoal/method/correction.h"

#include <gtest/gtest.h>

namespace shoal {
namespace {

// f(y) = (y - 3)^2 / 2, started at x = 1 with a learning rate of 0.1.
constexpr double kLearningRate = 0.1;

std::vector<float> step(Correction& correction, std::vector<float> y) {
  std::vector<float> gradient = {y[0] - 3.0f};
  correction.correct(y, gradient);
  y[0] -= static_cast<float>(kLearningRate) * gradient[0];
  return y;
}

const Correction::FullGradient kFullGradient = [](std::span<const float> at, std::span<float> out) {
  out[0] = at[0] - 3.0f;
};

CorrectionSettings settings_of(CorrectionKind kind) {
  CorrectionSettings settings;
  settings.kind = kind;
  return settings;
}

TEST(Correction, ScaffoldByHand) {
  const auto correction = make_correction(settings_of(CorrectionKind::kScaffold));
  ByteWriter own;
  own.numbers<float>(std::vector<float>{0.5f});  // c_i
  ByteReader reader(own.bytes());
  ASSERT_TRUE(correction->load(reader).ok());
  const std::vector<float> x = {1.0f};
  const std::vector<float> c = {0.2f};
  correction->begin(x, c);
  std::vector<float> y = step(*correction, x);
  y = step(*correction, y);
  EXPECT_NEAR(y[0], 1.437f, 1e-6);
  const auto change = correction->finish(y, 2, kLearningRate, kFullGradient);
  ASSERT_EQ(change.size(), 1u);
  EXPECT_NEAR(change[0], -2.385f, 1e-5);
  ByteWriter kept;
  correction->save(kept);
  ByteReader after(kept.bytes());
  EXPECT_NEAR(after.numbers<float>().value()[0], -1.885f, 1e-5);
}

// c <- c + (1/N) sum of changes: over all N clients, not over the m that took part.
TEST(Correction, ScaffoldServerDividesByAllClients) {
  CorrectionState state(settings_of(CorrectionKind::kScaffold), 2, 10);
  const std::vector<std::vector<float>> changes = {{1.0f, 2.0f}, {3.0f, -4.0f}};
  state.absorb(changes);
  EXPECT_FLOAT_EQ(state.broadcast()[0], 0.4f);
  EXPECT_FLOAT_EQ(state.broadcast()[1], -0.2f);
  state.absorb(changes);
  EXPECT_FLOAT_EQ(state.broadcast()[0], 0.8f);
}

TEST(Correction, ProximalByHand) {
  CorrectionSettings settings = settings_of(CorrectionKind::kProximal);
  settings.mu = 0.5;
  const auto correction = make_correction(settings);
  const std::vector<float> x = {1.0f};
  correction->begin(x, {});
  std::vector<float> y = step(*correction, x);
  EXPECT_NEAR(y[0], 1.2f, 1e-6);
  y = step(*correction, y);
  EXPECT_NEAR(y[0], 1.37f, 1e-6);
  EXPECT_TRUE(correction->finish(y, 2, kLearningRate, kFullGradient).empty());
}

TEST(Correction, MimeLiteByHand) {
  CorrectionSettings settings = settings_of(CorrectionKind::kMimeLite);
  const auto correction = make_correction(settings);
  const std::vector<float> x = {1.0f};
  const std::vector<float> m = {0.4f};
  correction->begin(x, m);
  std::vector<float> y = step(*correction, x);
  EXPECT_NEAR(y[0], 0.984f, 1e-6);
  y = step(*correction, y);
  EXPECT_NEAR(y[0], 0.96816f, 1e-6);
  // The full gradient at x, -2, goes to the server: m <- 0.1 * -2 + 0.9 * 0.4.
  const auto extra = correction->finish(y, 2, kLearningRate, kFullGradient);
  EXPECT_FLOAT_EQ(extra[0], -2.0f);
  CorrectionState state(settings, 1, 5);
  ByteWriter momentum;
  momentum.numbers<float>(m);
  ByteReader reader(momentum.bytes());
  ASSERT_TRUE(state.load(reader).ok());
  state.absorb(std::vector<std::vector<float>>{extra});
  EXPECT_NEAR(state.broadcast()[0], 0.16f, 1e-6);
}

TEST(Correction, WithoutOneNothingChanges) {
  const auto correction = make_correction({});
  std::vector<float> gradient = {1.5f, -0.25f};
  const std::vector<float> y = {7.0f, 8.0f};
  correction->begin(y, {});
  correction->correct(y, gradient);
  EXPECT_EQ(gradient, (std::vector<float>{1.5f, -0.25f}));
  EXPECT_TRUE(CorrectionState({}, 2, 3).broadcast().empty());
}

}  // namespace
}  // namespace shoal
