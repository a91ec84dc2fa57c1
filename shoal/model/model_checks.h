// For tests: small data sets, models made through the catalogue, and gradient checks.
#pragma once

#include <cmath>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <vector>

#include "shoal/model/factory.h"

namespace shoal {

// Clouds of points around one random centre a class.
inline Dataset blobs(std::vector<std::uint32_t> shape, std::size_t classes, std::size_t rows,
                     double spread = 0.5) {
  Dataset data;
  data.name = "blobs";
  data.rows = rows;
  data.features = 1;
  for (const auto side : shape) data.features *= side;
  data.shape = std::move(shape);
  data.classes = classes;
  const std::size_t clouds = std::max<std::size_t>(classes, 1);
  RandomStream stream(7, purpose("blobs"));
  std::vector<float> centres(clouds * data.features);
  for (float& value : centres) value = static_cast<float>(stream.normal());
  for (std::size_t i = 0; i < rows; ++i) {
    const std::size_t cloud = i % clouds;
    for (std::size_t j = 0; j < data.features; ++j)
      data.x.push_back(
          static_cast<float>(centres[cloud * data.features + j] + spread * stream.normal()));
    if (classes > 0)
      data.labels.push_back(static_cast<std::int32_t>(cloud));
    else
      data.targets.push_back(static_cast<float>(stream.normal()));
  }
  return data;
}

inline Rows all_rows(const Dataset& data) {
  Rows rows(data.rows);
  for (std::uint32_t i = 0; i < data.rows; ++i) rows[i] = i;
  return rows;
}

inline std::unique_ptr<ModelFactory> factory_of(Table settings, const Dataset& data) {
  auto made = models().make(settings, "[model]", data);
  EXPECT_TRUE(made.ok()) << (made.ok() ? "" : made.error().message);
  return std::move(made).value();
}

template <class Scalar>
std::unique_ptr<Model<Scalar>> model_of(const Table& settings, const Dataset& data) {
  const auto factory = factory_of(settings, data);
  if constexpr (std::is_same_v<Scalar, double>)
    return std::move(factory->in_double()).value()();
  else
    return std::move(factory->in_float()).value()();
}

inline Table table(std::initializer_list<std::pair<const char*, Value>> entries) {
  Table made;
  for (const auto& [key, value] : entries) made.set(key, value);
  return made;
}

template <class Scalar>
std::vector<Scalar> normal_vector(std::size_t size, std::uint64_t seed, double scale) {
  RandomStream stream(seed, purpose("normal_vector"));
  std::vector<Scalar> values(size);
  for (Scalar& value : values) value = static_cast<Scalar>(scale * stream.normal());
  return values;
}

// Central difference of the loss along `direction`, against its product with the gradient:
// |difference - product| must stay below tolerance * (1 + |product|).
template <class Scalar>
void expect_slope(Model<Scalar>& model, const std::vector<Scalar>& at, const Batch& batch,
                  const std::vector<Scalar>& direction, double step, double tolerance) {
  std::vector<Scalar> gradient(at.size());
  const double loss = model.gradient(at, batch, gradient);
  EXPECT_NEAR(loss, model.evaluate(at, batch).loss, 1e-6 * (1.0 + std::abs(loss)));
  std::vector<Scalar> ahead(at.size());
  std::vector<Scalar> behind(at.size());
  double product = 0.0;
  for (std::size_t i = 0; i < at.size(); ++i) {
    ahead[i] = static_cast<Scalar>(at[i] + step * direction[i]);
    behind[i] = static_cast<Scalar>(at[i] - step * direction[i]);
    // The step as it was really taken: in float it is not exactly 2 step direction[i].
    product += static_cast<double>(gradient[i]) *
               (static_cast<double>(ahead[i]) - static_cast<double>(behind[i]));
  }
  const double difference = model.evaluate(ahead, batch).loss - model.evaluate(behind, batch).loss;
  EXPECT_NEAR(difference / (2 * step), product / (2 * step),
              tolerance * (1.0 + std::abs(product / (2 * step))));
}

// The batch gradient is the mean of the gradients of its rows taken one at a time.
template <class Scalar>
void expect_mean_of_rows(Model<Scalar>& model, const std::vector<Scalar>& at, const Batch& batch,
                         double tolerance) {
  std::vector<Scalar> whole(at.size());
  std::vector<Scalar> single(at.size());
  std::vector<double> mean(at.size());
  const double loss = model.gradient(at, batch, whole);
  double losses = 0.0;
  for (std::size_t i = 0; i < batch.rows.size(); ++i) {
    losses += model.gradient(at, {batch.data, batch.rows.subspan(i, 1)}, single);
    for (std::size_t j = 0; j < at.size(); ++j) mean[j] += single[j];
  }
  const double count = static_cast<double>(batch.rows.size());
  EXPECT_NEAR(loss, losses / count, tolerance * (1.0 + std::abs(loss)));
  double worst = 0.0;
  for (std::size_t j = 0; j < at.size(); ++j)
    worst = std::max(worst, std::abs(whole[j] - mean[j] / count) / (1.0 + std::abs(whole[j])));
  EXPECT_LE(worst, tolerance);
}

}  // namespace shoal
