#include "shoal/run/report_axis.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <fmt/format.h>

#include "shoal/run/human.h"

namespace shoal {
namespace {

constexpr int kIntervals = 5;       // aimed at between linear ticks
constexpr int kDecadeTicksMax = 6;  // more decades than that are labelled in steps

// 1, 2 or 5 times a power of ten, at least `least`.
double round_step(double least) {
  const double power = std::pow(10.0, std::floor(std::log10(least)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (factor * power >= least * (1.0 - 1e-9)) return factor * power;
  return 10.0 * power;
}

std::string superscript(int exponent) {
  static constexpr std::array<const char*, 10> kDigits{"⁰", "¹", "²", "³", "⁴",
                                                       "⁵", "⁶", "⁷", "⁸", "⁹"};
  std::string text = exponent < 0 ? "⁻" : "";
  for (const char digit : std::to_string(std::abs(exponent)))
    text += kDigits[static_cast<std::size_t>(digit - '0')];
  return text;
}

// A multiple of a power of ten: "0.02" and "500", or "2·10⁻²" where `as_power`.
std::string log_text(int factor, int exponent, bool as_power) {
  if (!as_power) return fmt::format("{:g}", factor * std::pow(10.0, exponent));
  return (factor == 1 ? "10" : fmt::format("{}·10", factor)) + superscript(exponent);
}

std::string linear_text(double value, double step) {
  if (value == 0.0) return "0";
  if (step >= 1e6 || step < 1e-5) return fmt::format("{:.4g}", value);
  const int decimals = std::max(0, -static_cast<int>(std::floor(std::log10(step) + 1e-9)));
  return fmt::format("{:.{}f}", value, decimals);
}

// Ticks at multiples of a round step of the unit, from the axis's low to its high.
void add_linear_ticks(Axis& axis, double step) {
  const double low = axis.low / axis.unit;
  const double high = axis.high / axis.unit;
  const auto first = static_cast<long>(std::ceil(low / step - 1e-6));
  const auto last = static_cast<long>(std::floor(high / step + 1e-6));
  for (long i = first; i <= last; ++i) {
    const double value = static_cast<double>(i) * step;
    axis.ticks.push_back({value * axis.unit, linear_text(value, step)});
  }
}

// Decades; halves and fifths of them too where fewer than three would be seen.
void add_log_ticks(Axis& axis) {
  const double low = std::log10(axis.low / axis.unit);
  const double high = std::log10(axis.high / axis.unit);
  const int first = static_cast<int>(std::floor(low));
  const int last = static_cast<int>(std::floor(high + 1e-9));
  const int stride = std::max(1, (last - first + kDecadeTicksMax - 1) / kDecadeTicksMax);
  const bool between = high - low < 2.0;
  const bool as_power = low < -4.0 || high > 5.0;
  for (int exponent = first; exponent <= last; ++exponent)
    for (const int factor : {1, 2, 5}) {
      if (factor > 1 && !between) continue;
      if (exponent % stride != 0) continue;
      const double at = exponent + std::log10(factor);
      if (at < low - 1e-9 || at > high + 1e-9) continue;
      axis.ticks.push_back(
          {factor * std::pow(10.0, exponent) * axis.unit, log_text(factor, exponent, as_power)});
    }
}

Axis quantity_axis(const std::string& label, const Unit& (*unit_of)(double), const Extent& extent) {
  Axis axis;
  axis.high = extent.end_max > 0.0 ? extent.end_max : 1.0;
  axis.logarithmic = extent.first > 0.0 && extent.end_min > 0.0 &&
                     extent.end_max >= kLogEndsRatio * extent.end_min;
  if (axis.logarithmic) axis.low = extent.first;
  // A logarithmic axis takes the unit of its middle, for short numbers at both ends.
  const Unit& unit = unit_of(axis.logarithmic ? std::sqrt(axis.low * axis.high) : axis.high);
  axis.unit = unit.size;
  axis.unit_text = unit.name;
  axis.label = fmt::format("{} ({}){}", label, unit.name, axis.logarithmic ? ", logarithmic" : "");
  if (axis.logarithmic)
    add_log_ticks(axis);
  else
    add_linear_ticks(axis, round_step(axis.high / axis.unit / kIntervals));
  return axis;
}

// Widens a range to round ticks that enclose it.
Axis enclosing_axis(double low, double high) {
  if (!(high - low > 1e-9 * std::max(std::abs(low), std::abs(high)))) {
    const double pad = low == 0.0 ? 0.5 : 0.05 * std::abs(low);
    low -= pad;
    high += pad;
  }
  const double step = round_step((high - low) / kIntervals);
  Axis axis;
  axis.low = std::floor(low / step + 1e-6) * step;
  axis.high = std::ceil(high / step - 1e-6) * step;
  add_linear_ticks(axis, step);
  return axis;
}

}  // namespace

double Axis::share(double value) const {
  if (logarithmic) return std::log(value / low) / std::log(high / low);
  return (value - low) / (high - low);
}

Axis round_axis(double rounds) {
  Axis axis;
  axis.label = "rounds";
  axis.high = std::max(1.0, rounds);
  add_linear_ticks(axis, std::max(1.0, round_step(axis.high / kIntervals)));
  return axis;
}

Axis byte_axis(const Extent& bytes) { return quantity_axis("bytes sent", byte_unit, bytes); }

Axis time_axis(const Extent& seconds) { return quantity_axis("virtual time", time_unit, seconds); }

Axis share_axis(double low, double high) {
  Axis axis = enclosing_axis(low, high);
  std::erase_if(axis.ticks,
                [](const Tick& tick) { return tick.value < -1e-9 || tick.value > 1.0 + 1e-9; });
  if (low >= 0.0) axis.low = std::max(axis.low, 0.0);
  if (high <= 1.0) axis.high = std::min(axis.high, 1.0);
  return axis;
}

Axis loss_axis(double low, double high) {
  if (!(low > 0.0 && high > kLogLossRatio * low)) return enclosing_axis(low, high);
  Axis axis;
  axis.logarithmic = true;
  const double margin = std::pow(high / low, 0.03);
  axis.low = low / margin;
  axis.high = high * margin;
  add_log_ticks(axis);
  return axis;
}

}  // namespace shoal
