// Axes of the report's plots: their range, round tick values and words.
#pragma once

#include <string>
#include <vector>

namespace shoal {

struct Tick {
  double value;
  std::string text;
};

struct Axis {
  std::string label;  // "bytes sent (MB)"
  double low = 0.0;
  double high = 1.0;
  bool logarithmic = false;
  double unit = 1.0;      // what one of the label's unit is in the axis's values
  std::string unit_text;  // "MB"; empty for plain numbers
  std::vector<Tick> ticks;

  // Where a value stands between low (0) and high (1).
  double share(double value) const;
};

// Values of horizontal axes begin at 0 when linear and at `first`, the smallest positive value to
// be seen, when logarithmic: that is, when runs end at least kLogEndsRatio apart (`end_min` and
// `end_max` are where the shortest and the longest run end).
inline constexpr double kLogEndsRatio = 20.0;
struct Extent {
  double first = 0.0;
  double end_min = 0.0;
  double end_max = 0.0;
};
Axis round_axis(double rounds);
Axis byte_axis(const Extent& bytes);
Axis time_axis(const Extent& seconds);

// The vertical axis of a share (an accuracy): linear, never beyond [0, 1].
Axis share_axis(double low, double high);
// The vertical axis of a loss: logarithmic when it is positive and spans more than kLogLossRatio.
inline constexpr double kLogLossRatio = 200.0;
Axis loss_axis(double low, double high);

}  // namespace shoal
