#include "shoal/attack/honest_statistics.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace shoal {
namespace {

constexpr std::size_t kChunk = 1024;  // coordinates whose sums stay in cache

}  // namespace

void combine_honest(std::span<const std::span<const float>> honest, double mean_factor,
                    double spread_factor, std::span<float> out) {
  SHOAL_CHECK(!honest.empty(), "statistics of no honest rows");
  const auto n = static_cast<double>(honest.size());
  double mean[kChunk], squares[kChunk];
  for (std::size_t begin = 0; begin < out.size(); begin += kChunk) {
    const std::size_t count = std::min(kChunk, out.size() - begin);
    std::fill_n(mean, count, 0.0);
    std::fill_n(squares, count, 0.0);
    for (const auto row : honest)
      for (std::size_t c = 0; c < count; ++c) mean[c] += static_cast<double>(row[begin + c]);
    for (std::size_t c = 0; c < count; ++c) mean[c] /= n;
    if (spread_factor != 0.0 && honest.size() > 1) {
      for (const auto row : honest) {
        for (std::size_t c = 0; c < count; ++c) {
          const double deviation = static_cast<double>(row[begin + c]) - mean[c];
          squares[c] += deviation * deviation;
        }
      }
      for (std::size_t c = 0; c < count; ++c) squares[c] = std::sqrt(squares[c] / (n - 1.0));
    }
    for (std::size_t c = 0; c < count; ++c)
      out[begin + c] = static_cast<float>(mean_factor * mean[c] + spread_factor * squares[c]);
  }
}

void repeat_row(std::span<const float> row, std::span<float> out) {
  if (row.empty()) return;
  SHOAL_CHECK(out.size() % row.size() == 0, "whole rows");
  for (std::size_t at = 0; at < out.size(); at += row.size())
    if (out.data() + at != row.data())
      std::copy(row.begin(), row.end(), out.begin() + static_cast<std::ptrdiff_t>(at));
}

Status check_sees_honest(const std::string& attack, std::size_t honest) {
  if (honest > 0) return ok_status();
  return invalid_argument(
      fmt::format("{} needs an honest row to look at and this round has none", attack));
}

}  // namespace shoal
