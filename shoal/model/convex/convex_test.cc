// Convex models against finite differences, plain double references and closed forms.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>

#include "shoal/model/model_checks.h"

namespace shoal {
namespace {

Dataset quadratics(std::size_t unknowns, std::size_t rows) {
  Dataset data;
  data.name = "quadratics";
  data.rows = rows;
  data.features = unknowns * (unknowns + 1);
  data.shape = {static_cast<std::uint32_t>(data.features)};
  RandomStream stream(3, purpose("quadratics"));
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t i = 0; i < unknowns; ++i)
      data.x.push_back(static_cast<float>(stream.normal()));
    std::vector<double> root(unknowns * unknowns);
    for (double& value : root) value = stream.normal();
    for (std::size_t i = 0; i < unknowns; ++i)
      for (std::size_t j = 0; j < unknowns; ++j) {
        double sum = i == j ? 0.5 : 0.0;
        for (std::size_t k = 0; k < unknowns; ++k)
          sum += root[i * unknowns + k] * root[j * unknowns + k];
        data.x.push_back(static_cast<float>(sum));
      }
    data.targets.push_back(0.0f);
  }
  return data;
}

struct Case {
  Table settings;
  Dataset data;
};
std::vector<Case> cases() {
  return {{table({{"kind", "quadratic"}}), quadratics(6, 20)},
          {table({{"kind", "ridge"}, {"l2", 0.1}}), blobs({13}, 0, 40)},
          {table({{"kind", "ridge"}, {"bias", false}}), blobs({1}, 0, 3)},
          {table({{"kind", "logistic"}, {"l2", 0.01}}), blobs({30}, 2, 50)},
          {table({{"kind", "softmax"}, {"l2", 0.01}}), blobs({8, 8}, 10, 60)},
          {table({{"kind", "softmax"}, {"bias", false}}), blobs({5}, 3, 7)},
          {table({{"kind", "softmax"}, {"l2", 0.001}}), blobs({1, 28, 28}, 10, 130)}};
}

std::string name_of(const Case& c) { return *c.settings.find("kind")->as<std::string>(); }

TEST(ConvexModels, GradientMatchesFiniteDifferencesInDouble) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(name_of(c));
    const auto model = model_of<double>(c.settings, c.data);
    const Rows rows = all_rows(c.data);
    const auto at = normal_vector<double>(model->size(), 1, 0.3);
    for (std::uint64_t seed = 10; seed < 20; ++seed)
      expect_slope(*model, at, {&c.data, rows}, normal_vector<double>(at.size(), seed, 1.0), 1e-4,
                   1e-5);
    // One coordinate at a time: a mistake in the bias alone must show.
    for (std::size_t i = 0; i < at.size(); i += 1 + at.size() / 40) {
      std::vector<double> unit(at.size());
      unit[at.size() - 1 - i] = 1.0;
      expect_slope(*model, at, {&c.data, rows}, unit, 1e-4, 1e-7);
    }
  }
}

TEST(ConvexModels, BatchGradientIsTheMeanOfItsRows) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(name_of(c));
    const Rows rows = all_rows(c.data);
    const auto in_double = model_of<double>(c.settings, c.data);
    expect_mean_of_rows(*in_double, normal_vector<double>(in_double->size(), 2, 0.5),
                        {&c.data, rows}, 1e-13);
    const auto in_float = model_of<float>(c.settings, c.data);
    expect_mean_of_rows(*in_float, normal_vector<float>(in_float->size(), 2, 0.5), {&c.data, rows},
                        1e-5);
  }
}

TEST(ConvexModels, FloatFollowsDouble) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(name_of(c));
    const Rows rows = all_rows(c.data);
    const auto in_double = model_of<double>(c.settings, c.data);
    const auto in_float = model_of<float>(c.settings, c.data);
    const auto at = normal_vector<float>(in_float->size(), 4, 0.3);
    const std::vector<double> same(at.begin(), at.end());
    std::vector<float> gradient(at.size());
    std::vector<double> reference(at.size());
    EXPECT_NEAR(in_float->gradient(at, {&c.data, rows}, gradient),
                in_double->gradient(same, {&c.data, rows}, reference), 1e-4);
    double largest = 0.0;
    for (const double value : reference) largest = std::max(largest, std::abs(value));
    for (std::size_t i = 0; i < at.size(); ++i)
      EXPECT_NEAR(gradient[i], reference[i], 1e-5 * (1.0 + largest));
  }
}

TEST(ConvexModels, HessianVectorIsTheDifferenceOfGradients) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(name_of(c));
    const Rows rows = all_rows(c.data);
    const auto model = model_of<double>(c.settings, c.data);
    auto* curved = dynamic_cast<HessianVectorProduct<double>*>(model.get());
    ASSERT_NE(curved, nullptr);
    const auto at = normal_vector<double>(model->size(), 5, 0.3);
    const auto direction = normal_vector<double>(model->size(), 6, 1.0);
    constexpr double kStep = 1e-5;
    auto ahead = at;
    auto behind = at;
    for (std::size_t i = 0; i < at.size(); ++i) {
      ahead[i] += kStep * direction[i];
      behind[i] -= kStep * direction[i];
    }
    std::vector<double> product(at.size());
    std::vector<double> up(at.size());
    std::vector<double> down(at.size());
    curved->hessian_vector(at, direction, {&c.data, rows}, product);
    model->gradient(ahead, {&c.data, rows}, up);
    model->gradient(behind, {&c.data, rows}, down);
    for (std::size_t i = 0; i < at.size(); ++i)
      EXPECT_NEAR(product[i], (up[i] - down[i]) / (2 * kStep), 2e-6 * (1 + std::abs(product[i])));
  }
}

TEST(ConvexModels, PerSampleGradientsAreThoseOfSingleRows) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(name_of(c));
    const Rows rows = all_rows(c.data);
    const auto model = model_of<double>(c.settings, c.data);
    auto* single = dynamic_cast<PerSampleGradient<double>*>(model.get());
    ASSERT_NE(single, nullptr);
    const std::size_t size = model->size();
    const auto at = normal_vector<double>(size, 8, 0.3);
    std::vector<double> each(rows.size() * size);
    std::vector<double> one(size);
    single->per_sample_gradient(at, {&c.data, rows}, each);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      model->gradient(at, {&c.data, std::span(rows).subspan(i, 1)}, one);
      EXPECT_EQ(0, std::memcmp(one.data(), each.data() + i * size, size * sizeof(double))) << i;
    }
  }
}

// Written without blocks, matrices or our exponentials.
double plain_softmax(const Dataset& data, std::span<const double> w, double l2,
                     std::vector<double>& gradient, double& accuracy) {
  const std::size_t d = data.features;
  const std::size_t classes = data.classes;
  gradient.assign(w.size(), 0.0);
  double loss = 0.0;
  accuracy = 0.0;
  for (std::size_t row = 0; row < data.rows; ++row) {
    std::vector<long double> z(classes);
    long double sum = 0.0L;
    for (std::size_t k = 0; k < classes; ++k) {
      z[k] = w[classes * d + k];
      for (std::size_t j = 0; j < d; ++j) z[k] += w[k * d + j] * data.row(row)[j];
      sum += std::exp(z[k]);
    }
    const auto label = static_cast<std::size_t>(data.labels[row]);
    loss += std::log(sum) - z[label];
    accuracy += std::ranges::max_element(z) - z.begin() == static_cast<long>(label);
    for (std::size_t k = 0; k < classes; ++k) {
      const double residual = std::exp(z[k]) / sum - (k == label);
      for (std::size_t j = 0; j < d; ++j) gradient[k * d + j] += residual * data.row(row)[j];
      gradient[classes * d + k] += residual;
    }
  }
  for (double& value : gradient) value /= data.rows;
  double squares = 0.0;
  for (std::size_t i = 0; i < classes * d; ++i) {
    gradient[i] += l2 * w[i];
    squares += w[i] * w[i];
  }
  accuracy /= data.rows;
  return loss / data.rows + 0.5 * l2 * squares;
}

TEST(Softmax, MatchesAPlainReference) {
  const Dataset data = blobs({8, 8}, 10, 1500, 4.0);  // several blocks, imperfect accuracy
  const Rows rows = all_rows(data);
  const auto model = model_of<double>(table({{"kind", "softmax"}, {"l2", 0.05}}), data);
  const auto at = normal_vector<double>(model->size(), 9, 0.2);
  std::vector<double> gradient(at.size());
  std::vector<double> reference;
  double accuracy = 0.0;
  const double loss = plain_softmax(data, at, 0.05, reference, accuracy);
  EXPECT_NEAR(model->gradient(at, {&data, rows}, gradient), loss, 1e-12 * loss);
  for (std::size_t i = 0; i < at.size(); ++i) EXPECT_NEAR(gradient[i], reference[i], 1e-12);
  const Evaluation evaluation = model->evaluate(at, {&data, rows});
  EXPECT_NEAR(evaluation.loss, loss, 1e-12 * loss);
  EXPECT_DOUBLE_EQ(evaluation.accuracy, accuracy);
  EXPECT_GT(accuracy, 0.0);
  EXPECT_LT(accuracy, 1.0);
}

TEST(Softmax, ZeroStartGivesUniformProbabilities) {
  const Dataset data = blobs({4}, 5, 20);
  const Rows rows = all_rows(data);
  const auto model = model_of<float>(table({{"kind", "softmax"}}), data);
  std::vector<float> at(model->size(), 1.0f);
  model->initialize(RandomStream(1, purpose("init")), at);
  EXPECT_EQ(at, std::vector<float>(at.size(), 0.0f));
  EXPECT_NEAR(model->evaluate(at, {&data, rows}).loss, std::log(5.0), 1e-12);
}

TEST(Softmax, HugeScoresStayFinite) {
  const Dataset data = blobs({4}, 3, 12);
  const Rows rows = all_rows(data);
  for (const char* kind : {"softmax", "logistic"}) {
    Dataset two = data;
    if (std::string(kind) == "logistic") two = blobs({4}, 2, 12);
    const auto model = model_of<float>(table({{"kind", kind}}), two);
    const auto at = normal_vector<float>(model->size(), 2, 1e6);
    std::vector<float> gradient(at.size());
    EXPECT_TRUE(std::isfinite(model->gradient(at, {&two, rows}, gradient)));
    for (const float value : gradient) EXPECT_TRUE(std::isfinite(value));
  }
}

TEST(Logistic, IsSoftmaxOfTheScoresZeroAndZ) {
  const Dataset data = blobs({30}, 2, 64, 3.0);
  const Rows rows = all_rows(data);
  const auto logistic = model_of<double>(table({{"kind", "logistic"}}), data);
  const auto softmax = model_of<double>(table({{"kind", "softmax"}}), data);
  const auto at = normal_vector<double>(31, 3, 0.5);
  std::vector<double> both(62, 0.0);
  std::copy(at.begin(), at.begin() + 30, both.begin() + 30);
  both[61] = at[30];
  std::vector<double> gradient(31);
  std::vector<double> wide(62);
  EXPECT_NEAR(logistic->gradient(at, {&data, rows}, gradient),
              softmax->gradient(both, {&data, rows}, wide), 1e-12);
  for (std::size_t i = 0; i < 30; ++i) EXPECT_NEAR(gradient[i], wide[30 + i], 1e-12);
  EXPECT_EQ(logistic->evaluate(at, {&data, rows}).accuracy,
            softmax->evaluate(both, {&data, rows}).accuracy);
}

TEST(Ridge, GradientVanishesAtTheNormalEquations) {
  // y = 2 x + 1 exactly: the optimum without penalty is known.
  Dataset data = blobs({1}, 0, 25);
  for (std::size_t i = 0; i < data.rows; ++i) data.targets[i] = 2.0f * data.x[i] + 1.0f;
  const Rows rows = all_rows(data);
  const auto model = model_of<double>(table({{"kind", "ridge"}}), data);
  const std::vector<double> optimum = {2.0, 1.0};
  std::vector<double> gradient(2);
  EXPECT_LT(model->gradient(optimum, {&data, rows}, gradient), 1e-13);
  EXPECT_NEAR(gradient[0], 0.0, 1e-6);
  EXPECT_NEAR(gradient[1], 0.0, 1e-6);
  EXPECT_TRUE(std::isnan(model->evaluate(optimum, {&data, rows}).accuracy));
}

TEST(Quadratic, ChainOfThreeFromTheGossipLiterature) {
  // f_i(x) = (x - a_i)^2 / 2 with a = (0, 3, 9): gradient of the mean is x - 4.
  Dataset data;
  data.name = "chain";
  data.rows = 3;
  data.features = 2;
  data.shape = {2};
  data.x = {0, 1, 3, 1, 9, 1};
  data.targets = {0, 0, 0};
  const Rows rows = all_rows(data);
  const auto model = model_of<double>(table({{"kind", "quadratic"}}), data);
  ASSERT_EQ(model->size(), 1u);
  const std::vector<double> at = {1.0};
  std::vector<double> gradient(1);
  EXPECT_DOUBLE_EQ(model->gradient(at, {&data, rows}, gradient), (1.0 + 4.0 + 64.0) / 6.0);
  EXPECT_DOUBLE_EQ(gradient[0], -3.0);
}

TEST(Quadratic, AsymmetricCurvatureIsRefused) {
  Dataset data = quadratics(3, 2);
  data.x[12 + 3 + 1] += 1.0f;
  const auto made = models().make(table({{"kind", "quadratic"}}), "[model]", data);
  ASSERT_FALSE(made.ok());
  EXPECT_NE(made.error().message.find("row 1"), std::string::npos) << made.error().message;
  EXPECT_NE(made.error().message.find("(1, 0)"), std::string::npos) << made.error().message;
}

TEST(ConvexModels, InitialScaleDrawsWeightsFromTheStream) {
  const Dataset data = blobs({200}, 10, 10);
  const auto model = model_of<double>(table({{"kind", "softmax"}, {"initial_scale", 0.5}}), data);
  std::vector<double> first(model->size());
  std::vector<double> again(model->size());
  model->initialize(RandomStream(1, purpose("init")), first);
  model->initialize(RandomStream(1, purpose("init")), again);
  EXPECT_EQ(first, again);
  double squares = 0.0;
  for (const double value : first) squares += value * value;
  EXPECT_NEAR(std::sqrt(squares / 2000), 0.5, 0.03);
  for (std::size_t i = 2000; i < first.size(); ++i) EXPECT_EQ(first[i], 0.0);
}

}  // namespace
}  // namespace shoal
