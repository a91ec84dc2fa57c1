// The multilayer perceptron against finite differences, a plain reference, and itself on threads.
#include "shoal/model/network/mlp.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <thread>

#include "shoal/model/exponential.h"
#include "shoal/model/model_checks.h"

namespace shoal {
namespace {

Table mlp_table(std::vector<double> hidden, const char* activation = "relu") {
  Value::List widths;
  for (const double width : hidden) widths.push_back(width);
  return table({{"kind", "mlp"}, {"hidden", widths}, {"activation", activation}});
}

template <class Scalar>
std::vector<Scalar> start_of(const Model<Scalar>& model) {
  std::vector<Scalar> parameters(model.size());
  model.initialize(RandomStream(5, purpose("init")), parameters);
  return parameters;
}

TEST(FastExp, IsWithinTwoUnitsOfTheCLibrary) {
  RandomStream stream(1, purpose("exp"));
  double worst = 0.0;
  for (int i = 0; i < 200000; ++i) {
    const double x = 1400.0 * stream.uniform() - 700.0;
    worst = std::max(worst, std::abs(fast_exp(x) / std::exp(x) - 1.0));
  }
  EXPECT_LT(worst, 2 * 2.3e-16);
  EXPECT_EQ(fast_exp(0.0), 1.0);
  EXPECT_LT(fast_exp(-1e300), 1e-300);
  EXPECT_TRUE(std::isfinite(fast_exp(1e300)));
  EXPECT_TRUE(std::isnan(fast_exp(std::nan(""))));
}

TEST(Mlp, DefaultOnImagesHas159010Parameters) {
  const Dataset data = blobs({1, 28, 28}, 10, 4);
  const auto model = model_of<float>(table({{"kind", "mlp"}}), data);
  EXPECT_EQ(model->size(), 159010u);
  EXPECT_EQ(model->layout().tensors()[0].name, "fc1.weight");
  EXPECT_EQ(model->layout().tensors()[0].shape, (std::vector<std::uint32_t>{200, 784}));
  EXPECT_EQ(model->layout().tensors()[3].name, "fc2.bias");
  EXPECT_EQ(model->flops_per_row(), 6.0 * (784 * 200 + 200 * 10));
}

TEST(Mlp, StartsUniformOnTheFanIn) {
  const Dataset data = blobs({100}, 10, 4);
  const auto model = model_of<double>(mlp_table({400}), data);
  const auto start = start_of(*model);
  for (const TensorInfo& tensor : model->layout().tensors()) {
    const double bound = tensor.name.starts_with("fc1") ? 0.1 : 0.05;
    double squares = 0.0;
    double largest = 0.0;
    for (std::size_t i = 0; i < tensor.size; ++i) {
      squares += start[tensor.offset + i] * start[tensor.offset + i];
      largest = std::max(largest, std::abs(start[tensor.offset + i]));
    }
    EXPECT_LE(largest, bound);
    if (tensor.size < 400) continue;
    EXPECT_GT(largest, 0.98 * bound);
    // Uniform on +-b has variance b^2 / 3.
    EXPECT_NEAR(squares / static_cast<double>(tensor.size), bound * bound / 3, 0.1 * bound * bound);
  }
}

TEST(Mlp, GradientMatchesFiniteDifferencesInDouble) {
  for (const char* activation : {"relu", "tanh"})
    for (const std::vector<double>& hidden : {std::vector<double>{}, {7}, {12, 5}, {16, 16, 16}}) {
      const Dataset data = blobs({11}, 4, 45);  // more rows than one block
      const Rows rows = all_rows(data);
      const auto model = model_of<double>(mlp_table(hidden, activation), data);
      const auto at = start_of(*model);
      // Relu has kinks; a step of 1e-6 seldom crosses one, and 20 directions would all have to.
      for (std::uint64_t seed = 0; seed < 20; ++seed)
        expect_slope(*model, at, {&data, rows}, normal_vector<double>(at.size(), seed, 1.0), 1e-6,
                     1e-6);
      for (std::size_t i = 0; i < at.size(); ++i) {
        std::vector<double> unit(at.size());
        unit[i] = 1.0;
        expect_slope(*model, at, {&data, rows}, unit, 1e-6, 1e-6);
      }
    }
}

TEST(Mlp, FloatFollowsDouble) {
  const Dataset data = blobs({1, 28, 28}, 10, 50);
  const Rows rows = all_rows(data);
  const auto in_float = model_of<float>(table({{"kind", "mlp"}}), data);
  const auto in_double = model_of<double>(table({{"kind", "mlp"}}), data);
  const auto at = start_of(*in_float);
  const std::vector<double> same(at.begin(), at.end());
  std::vector<float> gradient(at.size());
  std::vector<double> reference(at.size());
  EXPECT_NEAR(in_float->gradient(at, {&data, rows}, gradient),
              in_double->gradient(same, {&data, rows}, reference), 1e-5);
  for (std::size_t i = 0; i < at.size(); ++i) ASSERT_NEAR(gradient[i], reference[i], 1e-5);
}

TEST(Mlp, BatchGradientIsTheMeanOfItsRows) {
  const Dataset data = blobs({20}, 5, 70);
  const Rows rows = all_rows(data);
  const auto model = model_of<double>(mlp_table({32, 10}), data);
  expect_mean_of_rows(*model, start_of(*model), {&data, rows}, 1e-13);
  const auto single = model_of<float>(mlp_table({32, 10}), data);
  expect_mean_of_rows(*single, start_of(*single), {&data, rows}, 1e-5);
}

TEST(Mlp, EvaluateMatchesAPlainReference) {
  const Dataset data = blobs({6}, 3, 100, 3.0);
  const Rows rows = all_rows(data);
  const auto model = model_of<double>(mlp_table({8}), data);
  const auto p = normal_vector<double>(model->size(), 4, 0.5);
  double loss = 0.0;
  double correct = 0.0;
  for (std::size_t row = 0; row < data.rows; ++row) {
    std::vector<double> hidden(8);
    std::vector<double> z(3);
    for (int h = 0; h < 8; ++h) {
      double sum = p[48 + h];
      for (int j = 0; j < 6; ++j) sum += p[h * 6 + j] * data.row(row)[j];
      hidden[h] = std::max(sum, 0.0);
    }
    double total = 0.0;
    for (int k = 0; k < 3; ++k) {
      z[k] = p[56 + 24 + k];
      for (int h = 0; h < 8; ++h) z[k] += p[56 + k * 8 + h] * hidden[h];
      total += std::exp(z[k]);
    }
    loss += std::log(total) - z[data.labels[row]];
    correct += std::ranges::max_element(z) - z.begin() == data.labels[row];
  }
  const Evaluation evaluation = model->evaluate(p, {&data, rows});
  EXPECT_NEAR(evaluation.loss, loss / 100, 1e-12);
  EXPECT_DOUBLE_EQ(evaluation.accuracy, correct / 100);
}

TEST(Mlp, FourThreadsGiveTheBitsOfOne) {
  const Dataset data = blobs({1, 28, 28}, 10, 96);
  const Rows rows = all_rows(data);
  const auto alone = model_of<float>(table({{"kind", "mlp"}}), data);
  const auto at = start_of(*alone);
  std::vector<float> expected(at.size());
  alone->gradient(at, {&data, rows}, expected);
  std::vector<std::thread> threads;
  std::vector<int> differing(4, 0);
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      const auto mine = model_of<float>(table({{"kind", "mlp"}}), data);
      std::vector<float> gradient(at.size());
      for (int repeat = 0; repeat < 20; ++repeat) {
        mine->gradient(at, {&data, rows}, gradient);
        differing[t] += std::memcmp(gradient.data(), expected.data(), at.size() * 4) != 0;
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(differing, std::vector<int>(4, 0));
}

TEST(Mlp, LearnsBlobs) {
  const Dataset data = blobs({20}, 10, 500, 0.8);
  const Rows rows = all_rows(data);
  const auto model = model_of<float>(mlp_table({32}), data);
  auto parameters = start_of(*model);
  std::vector<float> gradient(parameters.size());
  EXPECT_LT(model->evaluate(parameters, {&data, rows}).accuracy, 0.5);
  for (int step = 0; step < 300; ++step) {
    const auto batch = std::span(rows).subspan(step * 20 % 500, 20);
    model->gradient(parameters, {&data, batch}, gradient);
    for (std::size_t i = 0; i < gradient.size(); ++i) parameters[i] -= 0.1f * gradient[i];
  }
  EXPECT_GT(model->evaluate(parameters, {&data, rows}).accuracy, 0.97);
}

TEST(Mlp, WrongSettingsAndDataAreRefused) {
  const Dataset targets = blobs({5}, 0, 4);
  const auto made = models().make(table({{"kind", "mlp"}}), "[model]", targets);
  ASSERT_FALSE(made.ok());
  EXPECT_NE(made.error().message.find("'blobs' has rows of shape [5] and 0 classes"),
            std::string::npos)
      << made.error().message;
  const Dataset data = blobs({5}, 2, 4);
  EXPECT_FALSE(models().make(mlp_table({2.5}), "[model]", data).ok());
  EXPECT_FALSE(models().make(mlp_table({0}), "[model]", data).ok());
}

}  // namespace
}  // namespace shoal
