// A plot of the report as inline SVG, without any script needed to read it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shoal/run/report_axis.h"

namespace shoal {

struct Point {
  double x;
  double y;
};

struct Curve {
  std::string name;
  std::size_t style = 0;        // the run's place in the report: decides colour and dash pattern
  bool faint = false;           // a companion of the run's main curve
  std::vector<Point> points;    // finite, x ascending
  std::optional<double> final;  // drawn as a dot at the end
  bool broken_off = false;      // drawn as a cross at the end instead
};

struct Plot {
  std::string title;
  Axis x;
  Axis y;
  std::vector<Curve> curves;
};

// At most kPointsMax points: the first, the last, and the lowest and highest of every stretch
// between, in their order, so that no peak is lost.
inline constexpr std::size_t kPointsMax = 500;
std::vector<Point> thinned(std::vector<Point> points);

// The <svg> element. Colours and dashes come from the classes c0.. and d0.. of report_style.h.
std::string plot_svg(const Plot& plot);

// Classes of a run's colour and dash pattern: forty runs differ in one or the other.
std::string style_classes(std::size_t style);

// & < > " ' as entities, and control characters as U+FFFD: safe in text and quoted attributes.
std::string html_escaped(std::string_view text);

}  // namespace shoal
