#include "shoal/math/vector_reference.h"

#include <algorithm>
#include <cmath>

namespace shoal::reference {
namespace {

constexpr std::size_t kLanes = 16;
constexpr std::size_t kLaneBlock = 1024;

// Element i to lane i mod 16; then lane l takes lane l + 8, l + 4, l + 2, l + 1.
template <class T, class Term>
T sum_lanes(std::size_t begin, std::size_t end, Term term) {
  T lanes[kLanes] = {};
  for (std::size_t i = begin; i < end; ++i) lanes[(i - begin) % kLanes] += term(i);
  for (std::size_t width = kLanes / 2; width > 0; width /= 2)
    for (std::size_t lane = 0; lane < width; ++lane) lanes[lane] += lanes[lane + width];
  return lanes[0];
}

template <class Term>
double sum_blocks(std::size_t n, Term term) {
  double total = 0.0;
  for (std::size_t begin = 0; begin < n; begin += kLaneBlock)
    total += sum_lanes<float>(begin, std::min(n, begin + kLaneBlock), term);
  return total;
}

}  // namespace

void axpy(float a, Row x, std::span<float> y) {
  for (std::size_t i = 0; i < x.size(); ++i) y[i] += a * x[i];
}

void scale(float a, std::span<float> x) {
  for (float& value : x) value *= a;
}

void scaled_sum(float a, Row x, float b, Row y, std::span<float> out) {
  for (std::size_t i = 0; i < x.size(); ++i) out[i] = a * x[i] + b * y[i];
}

void weighted_sum(std::span<const Row> rows, std::span<const double> weights,
                  std::span<float> out) {
  for (std::size_t c = 0; c < out.size(); ++c) {
    double sum = 0.0;
    for (std::size_t i = 0; i < rows.size(); ++i)
      sum += weights[i] * static_cast<double>(rows[i][c]);
    out[c] = static_cast<float>(sum);
  }
}

double dot(Row x, Row y) {
  return sum_lanes<double>(0, x.size(), [&](std::size_t i) {
    return static_cast<double>(x[i]) * static_cast<double>(y[i]);
  });
}

double squared_distance(Row x, Row y) {
  return sum_lanes<double>(0, x.size(), [&](std::size_t i) {
    const double difference = static_cast<double>(x[i]) - static_cast<double>(y[i]);
    return difference * difference;
  });
}

double sum(Row x) {
  return sum_lanes<double>(0, x.size(), [&](std::size_t i) { return static_cast<double>(x[i]); });
}

double absolute_sum(Row x) {
  return sum_lanes<double>(0, x.size(),
                           [&](std::size_t i) { return std::abs(static_cast<double>(x[i])); });
}

double dot_float(Row x, Row y) {
  return sum_blocks(x.size(), [&](std::size_t i) { return x[i] * y[i]; });
}

double squared_distance_float(Row x, Row y) {
  return sum_blocks(x.size(), [&](std::size_t i) { return (x[i] - y[i]) * (x[i] - y[i]); });
}

bool all_finite(Row x) {
  return std::all_of(x.begin(), x.end(), [](float value) { return std::isfinite(value); });
}

float max_abs(Row x) {
  float largest = 0.0f;
  for (const float value : x) largest = std::max(largest, std::abs(value));
  return largest;
}

}  // namespace shoal::reference
