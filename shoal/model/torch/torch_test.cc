// LibTorch models against finite differences, known sizes, each other, and themselves on threads.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <gtest/gtest.h>
#include <thread>
#include <torch/script.h>

#include "shoal/model/model_checks.h"

namespace shoal {
namespace {

struct Case {
  Table settings;
  Dataset data;
  double tolerance;  // of a central difference in float, see GradientMatchesFiniteDifferences
};

Table small_resnet() {
  return table({{"kind", "resnet_groupnorm"},
                {"widths", Value::List{8.0, 16.0}},
                {"blocks", 2},
                {"groups", 4}});
}

std::vector<Case> cases() {
  return {{table({{"kind", "cnn"}}), blobs({1, 28, 28}, 10, 20), 2e-3},
          {table({{"kind", "cnn"}}), blobs({3, 9, 12}, 4, 70), 2e-3},
          {table({{"kind", "lenet5"}}), blobs({1, 28, 28}, 10, 70), 2e-3},
          {small_resnet(), blobs({3, 11, 8}, 5, 70), 5e-3}};
}

std::vector<float> start_of(const Model<float>& model) {
  std::vector<float> parameters(model.size());
  model.initialize(RandomStream(5, purpose("init")), parameters);
  return parameters;
}

TEST(TorchModels, KnownNumbersOfParameters) {
  const Dataset images = blobs({1, 28, 28}, 10, 2);
  EXPECT_EQ(model_of<float>(table({{"kind", "cnn"}}), images)->size(), 1663370u);
  EXPECT_EQ(model_of<float>(table({{"kind", "lenet5"}}), images)->size(), 61706u);
  const auto cnn = model_of<float>(table({{"kind", "cnn"}}), images);
  EXPECT_EQ(cnn->flops_per_row(),
            6.0 * (784 * 25 * 32 + 196 * 25 * 32 * 64 + 3136 * 512 + 512 * 10));
  // Stem, three stages of one block, shortcuts, fc: counted by hand.
  const std::size_t stem = 16 * 9 + 32;
  const std::size_t first = 2 * (16 * 16 * 9 + 32);
  const std::size_t second = 16 * 32 * 9 + 64 + 32 * 32 * 9 + 64 + 16 * 32 + 64;
  const std::size_t third = 32 * 64 * 9 + 128 + 64 * 64 * 9 + 128 + 32 * 64 + 128;
  EXPECT_EQ(model_of<float>(table({{"kind", "resnet_groupnorm"}}), images)->size(),
            stem + first + second + third + 650);
}

// A float loss near 2 carries an error of about 1e-7; over a step of 2 h with h |direction| around
// 1e-3 a slope near 1 is then known to some 1e-4, and kinks of relu and max-pool add to that.
// Directions that follow the gradient's tensors one at a time make every tensor's part visible.
TEST(TorchModels, GradientMatchesFiniteDifferences) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(*c.settings.find("kind")->as<std::string>());
    const auto model = model_of<float>(c.settings, c.data);
    const Rows rows = all_rows(c.data);
    const Batch batch{&c.data, rows};
    const auto at = start_of(*model);
    std::vector<float> gradient(at.size());
    model->gradient(at, batch, gradient);
    for (const TensorInfo& tensor : model->layout().tensors()) {
      SCOPED_TRACE(tensor.name);
      double squares = 0.0;
      for (std::size_t i = 0; i < tensor.size; ++i)
        squares += std::pow(gradient[tensor.offset + i], 2);
      const double norm = std::sqrt(squares);
      ASSERT_GT(norm, 0.0);
      // Along the gradient the slope is its norm: scaled to 1, so the tolerance is relative.
      std::vector<float> direction(at.size());
      for (std::size_t i = 0; i < tensor.size; ++i)
        direction[tensor.offset + i] = static_cast<float>(gradient[tensor.offset + i] / squares);
      expect_slope(*model, at, batch, direction, 2e-3 * norm, 10 * c.tolerance);
    }
    for (std::uint64_t seed = 0; seed < 5; ++seed) {
      const double scale = 1.0 / std::sqrt(static_cast<double>(at.size()));
      expect_slope(*model, at, batch, normal_vector<float>(at.size(), seed, scale), 2e-3,
                   c.tolerance);
    }
  }
}

TEST(TorchModels, BatchGradientIsTheMeanOfItsRows) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(*c.settings.find("kind")->as<std::string>());
    const auto model = model_of<float>(c.settings, c.data);
    const Rows rows = all_rows(c.data);
    expect_mean_of_rows(*model, start_of(*model), {&c.data, rows}, 2e-5);
  }
}

TEST(TorchModels, FourThreadsGiveTheBitsOfOne) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(*c.settings.find("kind")->as<std::string>());
    const Rows rows = all_rows(c.data);
    const auto alone = model_of<float>(c.settings, c.data);
    const auto at = start_of(*alone);
    std::vector<float> expected(at.size());
    const double loss = alone->gradient(at, {&c.data, rows}, expected);
    const Evaluation evaluation = alone->evaluate(at, {&c.data, rows});
    std::vector<std::thread> threads;
    std::vector<int> differing(4, 0);
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&, t] {
        const auto mine = model_of<float>(c.settings, c.data);
        std::vector<float> gradient(at.size());
        for (int repeat = 0; repeat < 3; ++repeat) {
          differing[t] += mine->gradient(at, {&c.data, rows}, gradient) != loss;
          differing[t] += std::memcmp(gradient.data(), expected.data(), at.size() * 4) != 0;
          differing[t] += mine->evaluate(at, {&c.data, rows}).loss != evaluation.loss;
        }
      });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(differing, std::vector<int>(4, 0));
  }
}

TEST(TorchModels, RefuseDataThatDoesNotFit) {
  const auto refusal = [](const Table& settings, const Dataset& data) {
    const auto made = models().make(settings, "[model]", data);
    return made.ok() ? std::string() : made.error().message;
  };
  const Dataset flat = blobs({64}, 10, 10);
  const Dataset tiny = blobs({1, 3, 3}, 10, 10);
  const Dataset targets = blobs({1, 28, 28}, 0, 4);
  EXPECT_NE(refusal(table({{"kind", "cnn"}}), flat).find("[channels, height, width]"),
            std::string::npos);
  EXPECT_NE(refusal(table({{"kind", "cnn"}}), flat).find("shape [64] and 10 classes"),
            std::string::npos);
  EXPECT_NE(refusal(table({{"kind", "cnn"}}), tiny).find("at least 4 x 4"), std::string::npos);
  EXPECT_NE(refusal(table({{"kind", "lenet5"}}), tiny).find("at least 12 x 12"), std::string::npos);
  EXPECT_NE(refusal(table({{"kind", "resnet_groupnorm"}}), targets).find("0 classes"),
            std::string::npos);
  EXPECT_NE(refusal(table({{"kind", "resnet_groupnorm"}, {"groups", 3}}), blobs({1, 8, 8}, 2, 2))
                .find("3 groups do not divide"),
            std::string::npos);
  const auto factory = factory_of(table({{"kind", "cnn"}}), blobs({1, 28, 28}, 10, 2));
  EXPECT_FALSE(factory->in_double().ok());
}

// tanh(x W1 + b1) W2 + b2 as a script, saved to a file.
std::string save_script(const std::string& name, bool with_buffer,
                        torch::Dtype dtype = at::kFloat) {
  const std::string path = testing::TempDir() + "/" + name + ".pt";
  torch::jit::Module module("net");
  at::manual_seed(3);
  module.register_parameter("w2", at::randn({5, 3}, dtype), false);
  module.register_parameter("b2", at::randn({3}, dtype), false);
  module.register_parameter("w1", at::randn({6, 5}, dtype) * 0.3, false);
  module.register_parameter("b1", at::randn({5}, dtype), false);
  if (with_buffer) module.register_buffer("running_mean", at::zeros({3}));
  module.define(R"(
    def forward(self, x):
      return torch.matmul(torch.tanh(torch.matmul(x, self.w1) + self.b1), self.w2) + self.b2
  )");
  module.save(path);
  return path;
}

TEST(TorchScript, ComputesWhatThePerceptronDoes) {
  const std::string path = save_script("shoal_torchscript", false);
  const Dataset data = blobs({6}, 3, 150, 2.0);
  const Rows rows = all_rows(data);
  const auto script = model_of<float>(table({{"kind", "torchscript"}, {"path", path}}), data);
  const auto mlp = model_of<float>(
      table({{"kind", "mlp"}, {"hidden", Value::List{5.0}}, {"activation", "tanh"}}), data);
  // By name: b1 [5], b2 [3], w1 [6, 5], w2 [5, 3].
  ASSERT_EQ(script->size(), 53u);
  EXPECT_EQ(script->layout().tensors()[2].name, "w1");
  const auto at = start_of(*script);
  std::vector<float> same(53);
  const auto rearrange = [](const std::vector<float>& from, std::vector<float>& to) {
    for (int h = 0; h < 5; ++h) {
      for (int j = 0; j < 6; ++j) to[h * 6 + j] = from[8 + j * 5 + h];
      for (int k = 0; k < 3; ++k) to[35 + k * 5 + h] = from[38 + h * 3 + k];
      to[30 + h] = from[h];
    }
    for (int k = 0; k < 3; ++k) to[50 + k] = from[5 + k];
  };
  rearrange(at, same);
  std::vector<float> gradient(53);
  std::vector<float> rearranged(53);
  std::vector<float> expected(53);
  const double loss = script->gradient(at, {&data, rows}, gradient);
  rearrange(gradient, rearranged);
  EXPECT_NEAR(loss, mlp->gradient(same, {&data, rows}, expected), 1e-5);
  for (int i = 0; i < 53; ++i) EXPECT_NEAR(rearranged[i], expected[i], 1e-5) << i;
  EXPECT_EQ(script->evaluate(at, {&data, rows}).accuracy,
            mlp->evaluate(same, {&data, rows}).accuracy);
  std::vector<float> again(53);
  for (int repeat = 0; repeat < 5; ++repeat) {
    script->gradient(at, {&data, rows}, again);
    EXPECT_EQ(again, gradient);
  }
  std::remove(path.c_str());
}

// The backward pass written out here against autograd's, relu before the pool as textbooks have it.
TEST(TorchScript, AutogradAgreesWithTheWrittenOutLeNet) {
  const Dataset data = blobs({1, 28, 28}, 10, 70);
  const Rows rows = all_rows(data);
  const auto lenet = model_of<float>(table({{"kind", "lenet5"}}), data);
  const std::string path = testing::TempDir() + "/shoal_lenet.pt";
  torch::jit::Module module("lenet");
  char name = 'a';  // in layout order
  for (const TensorInfo& tensor : lenet->layout().tensors())
    module.register_parameter(
        std::string(1, name++),
        at::zeros(std::vector<std::int64_t>(tensor.shape.begin(), tensor.shape.end())), false);
  module.define(R"(
    def forward(self, x):
      x = torch.conv2d(x, self.a, self.b, padding=2)
      x = torch.max_pool2d(torch.relu(x), 2)
      x = torch.max_pool2d(torch.relu(torch.conv2d(x, self.c, self.d)), 2)
      x = torch.relu(torch.matmul(torch.flatten(x, 1), self.e.t()) + self.f)
      x = torch.relu(torch.matmul(x, self.g.t()) + self.h)
      return torch.matmul(x, self.i.t()) + self.j
  )");
  module.save(path);
  const auto script = model_of<float>(table({{"kind", "torchscript"}, {"path", path}}), data);
  const auto at = start_of(*lenet);
  ASSERT_EQ(script->size(), at.size());
  std::vector<float> written(at.size());
  std::vector<float> automatic(at.size());
  EXPECT_NEAR(lenet->gradient(at, {&data, rows}, written),
              script->gradient(at, {&data, rows}, automatic), 1e-5);
  float largest = 0.0f;
  for (const float value : automatic) largest = std::max(largest, std::abs(value));
  for (std::size_t i = 0; i < at.size(); ++i)
    ASSERT_NEAR(written[i], automatic[i], 1e-5 * largest) << i;
  std::remove(path.c_str());
}

TEST(TorchScript, WhatCannotRunIsRefused) {
  const auto refusal = [](const std::string& path, const Dataset& data) {
    const auto made =
        models().make(table({{"kind", "torchscript"}, {"path", path}}), "[model]", data);
    return made.ok() ? std::string() : made.error().message;
  };
  const Dataset data = blobs({6}, 3, 10);
  const std::string good = save_script("shoal_good", false);
  EXPECT_EQ(refusal(good, data), "");
  EXPECT_NE(refusal(good, blobs({6}, 4, 10)).find("shape [1, 3] where"), std::string::npos)
      << refusal(good, blobs({6}, 4, 10));
  EXPECT_NE(refusal(good, blobs({7}, 3, 10)).find("cannot load or run"), std::string::npos);
  EXPECT_NE(refusal(save_script("shoal_buffer", true), data).find("buffer 'running_mean'"),
            std::string::npos);
  EXPECT_NE(refusal(save_script("shoal_double", false, at::kDouble), data).find("not float32"),
            std::string::npos);
  EXPECT_NE(refusal("", data).find("path is empty"), std::string::npos);
  EXPECT_NE(refusal("/nonexistent.pt", data).find("/nonexistent.pt"), std::string::npos);
  const std::string garbage = testing::TempDir() + "/shoal_garbage.pt";
  std::ofstream(garbage) << "not a script";
  EXPECT_NE(refusal(garbage, data).find("cannot load"), std::string::npos);
}

}  // namespace
}  // namespace shoal
