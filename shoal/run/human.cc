#include "shoal/run/human.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace shoal {
namespace {

// Commas between groups of three digits before the point.
std::string grouped(std::string digits) {
  const std::size_t whole = std::min(digits.find('.'), digits.size());
  for (std::size_t left = whole; left > 3; left -= 3) digits.insert(left - 3, 1, ',');
  return digits;
}

}  // namespace

std::string human_time(double seconds) {
  if (seconds < 120.0) return fmt::format("{:.1f} s", seconds);
  if (seconds < 7200.0) return fmt::format("{:.1f} min", seconds / 60.0);
  return fmt::format("{:.2f} h", seconds / 3600.0);
}

std::string human_bytes(double bytes) {
  if (bytes < 1e3) return fmt::format("{:.0f} B", bytes);
  if (bytes < 1e6) return fmt::format("{:.1f} kB", bytes / 1e3);
  if (bytes < 1e9) return fmt::format("{:.1f} MB", bytes / 1e6);
  return fmt::format("{:.2f} GB", bytes / 1e9);
}

std::string human_count(std::uint64_t count) { return grouped(std::to_string(count)); }

std::string human_fixed(double value, int decimals) {
  return grouped(fmt::format("{:.{}f}", value, decimals));
}

int column_decimals(const std::vector<double>& values) {
  double smallest = HUGE_VAL;
  for (const double value : values)
    if (std::isfinite(value) && value != 0.0) smallest = std::min(smallest, std::abs(value));
  if (!std::isfinite(smallest)) return 0;
  return std::clamp(2 - static_cast<int>(std::floor(std::log10(smallest))), 0, 4);
}

}  // namespace shoal
