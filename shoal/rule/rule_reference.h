// The rules written straight from their definitions in double precision, one loop or sort a line of
// the paper: what the fast ones are compared with for ever. Nothing here is shared with them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <vector>

namespace shoal::reference {

using Rows = std::vector<std::vector<float>>;
using Numbers = std::vector<std::size_t>;  // of rows, increasing

inline double squared_norm(const std::vector<float>& x) {
  double sum = 0.0;
  for (const float value : x) sum += static_cast<double>(value) * static_cast<double>(value);
  return sum;
}

inline double squared_distance(const std::vector<float>& x, const std::vector<float>& y) {
  double sum = 0.0;
  for (std::size_t c = 0; c < x.size(); ++c) {
    const double difference = static_cast<double>(x[c]) - static_cast<double>(y[c]);
    sum += difference * difference;
  }
  return sum;
}

// As pairs of rows are measured: +infinity beyond the float range.
inline double pair_distance(const std::vector<float>& x, const std::vector<float>& y) {
  const double distance = squared_distance(x, y);
  return distance > std::numeric_limits<float>::max() ? std::numeric_limits<double>::infinity()
                                                      : distance;
}

// The `count` rows of smallest (key, number).
inline Numbers lowest(const std::vector<double>& keys, std::size_t count) {
  std::vector<std::pair<double, std::size_t>> order;
  for (std::size_t i = 0; i < keys.size(); ++i) order.emplace_back(keys[i], i);
  std::sort(order.begin(), order.end());
  Numbers chosen;
  for (std::size_t k = 0; k < count; ++k) chosen.push_back(order[k].second);
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

inline std::vector<double> mean(const Rows& rows, const Numbers& chosen) {
  std::vector<double> out(rows.front().size(), 0.0);
  for (std::size_t c = 0; c < out.size(); ++c) {
    for (const std::size_t i : chosen) out[c] += static_cast<double>(rows[i][c]);
    out[c] /= static_cast<double>(chosen.size());
  }
  return out;
}

inline std::vector<double> sorted_column(const Rows& rows, std::size_t coordinate) {
  std::vector<double> column;
  for (const auto& row : rows) column.push_back(static_cast<double>(row[coordinate]));
  std::sort(column.begin(), column.end());
  return column;
}

inline double trimmed_mean(const std::vector<double>& sorted, std::size_t trim) {
  double sum = 0.0;
  for (std::size_t r = trim; r < sorted.size() - trim; ++r) sum += sorted[r];
  return sum / static_cast<double>(sorted.size() - 2 * trim);
}

inline double median(const std::vector<double>& sorted) {
  return (sorted[(sorted.size() - 1) / 2] + sorted[sorted.size() / 2]) / 2.0;
}

// The mean of the `count` values nearest to the centre, the lower of two equally far. Where a
// double cannot tell two distances on one side apart, the value between is the nearer one.
inline double mean_of_nearest(std::vector<double> values, double centre, std::size_t count) {
  std::sort(values.begin(), values.end(), [&](double a, double b) {
    const double to_a = std::abs(a - centre), to_b = std::abs(b - centre);
    if (to_a != to_b) return to_a < to_b;
    return a <= centre && b <= centre ? a > b : a < b;
  });
  values.resize(count);
  std::sort(values.begin(), values.end());
  double sum = 0.0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(count);
}

inline std::vector<float> by_column(const Rows& rows,
                                    const std::function<double(std::vector<double>)>& value) {
  std::vector<float> out;
  for (std::size_t c = 0; c < rows.front().size(); ++c)
    out.push_back(static_cast<float>(value(sorted_column(rows, c))));
  return out;
}

inline std::vector<float> mean_around_median(const Rows& rows, std::size_t dropped) {
  return by_column(rows, [&](const std::vector<double>& sorted) {
    return mean_of_nearest(sorted, median(sorted), sorted.size() - dropped);
  });
}

inline std::vector<float> phocas(const Rows& rows, std::size_t trim) {
  return by_column(rows, [&](const std::vector<double>& sorted) {
    return mean_of_nearest(sorted, trimmed_mean(sorted, trim), sorted.size() - trim);
  });
}

// Krum's score of row i among `present`: its smallest distances to the others, added up.
inline double krum_score(const Rows& rows, const Numbers& present, std::size_t i,
                         std::size_t neighbours) {
  std::vector<double> distances;
  for (const std::size_t j : present)
    if (j != i) distances.push_back(pair_distance(rows[i], rows[j]));
  std::sort(distances.begin(), distances.end());
  double sum = 0.0;
  for (std::size_t k = 0; k < neighbours; ++k) sum += distances[k];
  return sum;
}

inline Numbers all_of(std::size_t n) {
  Numbers numbers;
  for (std::size_t i = 0; i < n; ++i) numbers.push_back(i);
  return numbers;
}

inline Numbers multi_krum(const Rows& rows, std::size_t f, std::size_t m) {
  std::vector<double> scores;
  for (std::size_t i = 0; i < rows.size(); ++i)
    scores.push_back(krum_score(rows, all_of(rows.size()), i, rows.size() - f - 2));
  return lowest(scores, m);
}

// In the order in which Krum chose them.
inline Numbers bulyan_order(const Rows& rows, std::size_t f) {
  Numbers present = all_of(rows.size()), order;
  while (order.size() < rows.size() - 2 * f) {
    const auto left = static_cast<long>(present.size());
    const long wanted = std::max(1L, left - static_cast<long>(f) - 2);
    std::vector<double> scores;
    for (const std::size_t i : present)
      scores.push_back(
          krum_score(rows, present, i, static_cast<std::size_t>(std::min(wanted, left - 1))));
    const std::size_t best = lowest(scores, 1).front();
    order.push_back(present[best]);
    present.erase(present.begin() + static_cast<std::ptrdiff_t>(best));
  }
  return order;
}

// Every subset as a bit mask; the best of equal diameter is the lexicographically first.
inline Numbers smallest_diameter(const Rows& rows, std::size_t size) {
  Numbers best;
  double least = 0.0;
  for (std::uint32_t mask = 0; mask < 1u << rows.size(); ++mask) {
    Numbers subset;
    for (std::size_t i = 0; i < rows.size(); ++i)
      if (mask >> i & 1u) subset.push_back(i);
    if (subset.size() != size) continue;
    double diameter = 0.0;
    for (const std::size_t i : subset)
      for (const std::size_t j : subset)
        diameter = std::max(diameter, pair_distance(rows[i], rows[j]));
    if (!best.empty() && (diameter > least || (diameter == least && best < subset))) continue;
    best = subset;
    least = diameter;
  }
  return best;
}

}  // namespace shoal::reference
