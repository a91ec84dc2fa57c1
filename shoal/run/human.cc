#include "shoal/run/human.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/format.h>
#include <span>

namespace shoal {
namespace {

constexpr std::array<Unit, 4> kTimeUnits{{{1.0, 0.0, "s"},
                                          {60.0, 120.0, "min"},
                                          {3600.0, 7200.0, "h"},
                                          {86400.0, 4.0 * 86400.0, "days"}}};
constexpr std::array<Unit, 5> kByteUnits{
    {{1.0, 0.0, "B"}, {1e3, 1e3, "kB"}, {1e6, 1e6, "MB"}, {1e9, 1e9, "GB"}, {1e12, 1e12, "TB"}}};

const Unit& unit_for(std::span<const Unit> units, double value) {
  const Unit* best = &units.front();
  for (const Unit& unit : units)
    if (value >= unit.from) best = &unit;
  return *best;
}

// Commas between groups of three digits before the point.
std::string grouped(std::string digits) {
  const std::size_t whole = std::min(digits.find('.'), digits.size());
  for (std::size_t left = whole; left > 3; left -= 3) digits.insert(left - 3, 1, ',');
  return digits;
}

}  // namespace

const Unit& time_unit(double seconds) { return unit_for(kTimeUnits, seconds); }

const Unit& byte_unit(double bytes) { return unit_for(kByteUnits, bytes); }

std::string human_time(double seconds) {
  const Unit& unit = time_unit(seconds);
  return fmt::format("{:.{}f} {}", seconds / unit.size, unit.size < 3600.0 ? 1 : 2, unit.name);
}

std::string human_bytes(double bytes) {
  const Unit& unit = byte_unit(bytes);
  const int decimals = unit.size < 1e3 ? 0 : unit.size < 1e9 ? 1 : 2;
  return fmt::format("{:.{}f} {}", bytes / unit.size, decimals, unit.name);
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
