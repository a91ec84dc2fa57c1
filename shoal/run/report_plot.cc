#include "shoal/run/report_plot.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <iterator>

namespace shoal {
namespace {

// The drawing, in its own units: about one a pixel where three plots share a wide window.
constexpr double kWidth = 420.0;
constexpr double kHeight = 280.0;
constexpr double kTop = 10.0;
constexpr double kBottom = kHeight - 44.0;
constexpr double kRight = kWidth - 16.0;
constexpr double kCharacterWidth = 6.8;

constexpr std::size_t kColours = 8;
constexpr std::size_t kDashes = 5;

// UTF-8 characters of a text.
std::size_t length_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

class Drawing {
 public:
  explicit Drawing(const Plot& plot) : plot_(plot) {
    std::size_t longest = 3;
    for (const Tick& tick : plot.y.ticks) longest = std::max(longest, length_of(tick.text));
    left_ = 14.0 + kCharacterWidth * static_cast<double>(longest);
  }

  std::string svg() {
    begin();
    axes();
    // The first run is drawn last, on top.
    for (auto curve = plot_.curves.rbegin(); curve != plot_.curves.rend(); ++curve) draw(*curve);
    out_ += "</svg>\n";
    return std::move(out_);
  }

 private:
  template <class... Arguments>
  void add(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    fmt::format_to(std::back_inserter(out_), format, std::forward<Arguments>(arguments)...);
  }
  double x(double value) const { return left_ + plot_.x.share(value) * (kRight - left_); }
  double y(double value) const { return kBottom - plot_.y.share(value) * (kBottom - kTop); }

  // The frame and both scales stand in data- attributes, from which the hover read-out works.
  void begin() {
    const auto scale = [](const Axis& axis) {
      return fmt::format("{} {} {} {}", axis.low, axis.high, axis.logarithmic ? 1 : 0, axis.unit);
    };
    add("<svg class=\"plot\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\" "
        "data-frame=\"{} {} {} {}\" data-x=\"{}\" data-y=\"{}\" data-unit=\"{}\">\n",
        kWidth, kHeight, html_escaped(plot_.title), left_, kRight, kTop, kBottom, scale(plot_.x),
        scale(plot_.y), plot_.x.unit_text);
  }

  void axes() {
    out_ += "<g class=\"grid\">";
    for (const Tick& tick : plot_.y.ticks)
      add("<path d=\"M{:.1f} {:.1f}H{:.1f}\"/>", left_, y(tick.value), kRight);
    out_ += "</g>\n<g class=\"axis\">";
    add("<path d=\"M{:.1f} {:.1f}H{:.1f}\"/>", left_, kBottom, kRight);
    for (const Tick& tick : plot_.x.ticks)
      add("<path d=\"M{:.1f} {:.1f}v5\"/>", x(tick.value), kBottom);
    out_ += "</g>\n<g class=\"ticks\">";
    for (const Tick& tick : plot_.y.ticks)
      add("<text x=\"{:.1f}\" y=\"{:.1f}\" class=\"left\">{}</text>", left_ - 8.0,
          y(tick.value) + 4.0, tick.text);
    for (const Tick& tick : plot_.x.ticks)
      add("<text x=\"{:.1f}\" y=\"{:.1f}\">{}</text>", x(tick.value), kBottom + 19.0, tick.text);
    add("<text x=\"{:.1f}\" y=\"{:.1f}\" class=\"label\">{}</text></g>\n", (left_ + kRight) / 2.0,
        kHeight - 5.0, plot_.x.label);
  }

  void draw(const Curve& curve) {
    if (curve.points.empty()) return;
    add("<g class=\"run {}{}\" data-name=\"{}\">", style_classes(curve.style),
        curve.faint ? " faint" : "", html_escaped(curve.name));
    out_ += "<path d=\"";
    for (std::size_t i = 0; i < curve.points.size(); ++i)
      add("{}{:.2f} {:.2f}", i == 0 ? 'M' : 'L', x(curve.points[i].x), y(curve.points[i].y));
    out_ += "\"/>";
    const Point& last = curve.points.back();
    if (curve.broken_off)
      add("<path class=\"cross\" d=\"M{:.1f} {:.1f}l8 8m0 -8l-8 8\"/>", x(last.x) - 4.0,
          y(last.y) - 4.0);
    else if (curve.final)
      add("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4\"/>", x(last.x), y(*curve.final));
    out_ += "</g>\n";
  }

  const Plot& plot_;
  double left_ = 0.0;
  std::string out_;
};

}  // namespace

std::vector<Point> thinned(std::vector<Point> points) {
  if (points.size() <= kPointsMax) return points;
  const std::size_t inner = points.size() - 2;
  const std::size_t stretches = (kPointsMax - 2) / 2;
  std::vector<Point> kept{points.front()};
  const auto by_height = [](const Point& a, const Point& b) { return a.y < b.y; };
  for (std::size_t i = 0; i < stretches; ++i) {
    const auto begin = points.begin() + 1 + static_cast<std::ptrdiff_t>(i * inner / stretches);
    const auto end = points.begin() + 1 + static_cast<std::ptrdiff_t>((i + 1) * inner / stretches);
    auto [low, high] = std::minmax_element(begin, end, by_height);
    if (high < low) std::swap(low, high);
    kept.push_back(*low);
    if (high != low) kept.push_back(*high);
  }
  kept.push_back(points.back());
  return kept;
}

std::string plot_svg(const Plot& plot) { return Drawing(plot).svg(); }

std::string style_classes(std::size_t style) {
  return fmt::format("c{} d{}", style % kColours, style % kDashes);
}

std::string html_escaped(std::string_view text) {
  std::string escaped;
  escaped.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
          escaped += "\uFFFD";
        else
          escaped += c;
    }
  }
  return escaped;
}

}  // namespace shoal
