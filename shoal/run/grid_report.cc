#include "shoal/run/grid_report.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/format.h>

#include "shoal/run/report_plot.h"
#include "shoal/run/report_style.h"

namespace shoal {
namespace {

struct Figure {
  const char* heading;
  const std::vector<std::optional<double>> GridCell::*values;
};
constexpr Figure kFigures[] = {{"Final test accuracy", &GridCell::accuracy},
                               {"Attack success: held-out edge rows taken for what the liars want",
                                &GridCell::attack_success}};

constexpr const char* kStyle = R"css(
.heat { border-collapse: separate; border-spacing: 2px; }
.heat th { border: 0; padding: .2rem .4rem; vertical-align: bottom; }
.heat th.column { height: 9.5rem; width: 2.9rem; }
.heat th.column span { writing-mode: vertical-rl; transform: rotate(180deg); }
.heat td { border: 0; padding: .3rem .45rem; text-align: center; border-radius: 3px; }
.heat td { font-size: .8rem; }
.heat td.none { color: var(--soft); background: var(--grid); }
.scale { display: flex; align-items: center; gap: .6rem; margin: .4rem 0 1.4rem; }
.scale i { width: 14rem; height: .7rem; border-radius: 3px; display: inline-block; }
details { margin: 1rem 0; } summary { cursor: pointer; color: var(--soft); }
)css";

// Points of the viridis map (Smith and van der Walt), dark at 0 and bright at 1: even in grey, and
// told apart by colour-blind readers.
constexpr std::array<std::array<double, 3>, 6> kViridis{
    {{68, 1, 84}, {65, 68, 135}, {42, 120, 142}, {34, 168, 132}, {122, 209, 81}, {253, 231, 37}}};

std::array<int, 3> colour(double value) {
  const double place = std::clamp(value, 0.0, 1.0) * (kViridis.size() - 1);
  const auto below = std::min(static_cast<std::size_t>(place), kViridis.size() - 2);
  const double share = place - static_cast<double>(below);
  std::array<int, 3> mixed{};
  for (std::size_t c = 0; c < 3; ++c)
    mixed[c] = static_cast<int>(
        std::lround((1 - share) * kViridis[below][c] + share * kViridis[below + 1][c]));
  return mixed;
}

std::string spread(const std::vector<std::optional<double>>& values) {
  std::string text;
  for (const auto& value : values)
    text +=
        fmt::format("{}{}", text.empty() ? "" : ", ", value ? fmt::format("{:.3f}", *value) : "–");
  return text;
}

std::string cell_html(const GridCell& cell, const Figure& figure, const std::string& place) {
  if (!cell.refused.empty())
    return fmt::format("<td class=\"none\" title=\"{}: {}\">–</td>", html_escaped(place),
                       html_escaped(cell.refused));
  const auto& values = cell.*figure.values;
  const auto mean = mean_of(values);
  if (!mean)
    return fmt::format("<td class=\"none\" title=\"{}: no figure\">·</td>", html_escaped(place));
  const auto [red, green, blue] = colour(*mean);
  const char* ink = *mean > 0.6 ? "#111" : "#fff";
  return fmt::format("<td style=\"background:rgb({},{},{});color:{}\" title=\"{}: {}\">{:.2f}</td>",
                     red, green, blue, ink, html_escaped(place), spread(values), *mean);
}

bool has_any(const GridResult& result, std::size_t page, const Figure& figure) {
  for (std::size_t r = 0; r < result.plan.rows.size(); ++r)
    for (std::size_t c = 0; c < result.plan.columns.size(); ++c)
      if (mean_of(result.at(page, r, c).*figure.values)) return true;
  return false;
}

// Rows of the page in which the figure was measured at all.
std::vector<std::size_t> rows_with(const GridResult& result, std::size_t page,
                                   const Figure& figure) {
  std::vector<std::size_t> rows;
  const bool all = figure.values == &GridCell::accuracy;
  for (std::size_t r = 0; r < result.plan.rows.size(); ++r) {
    bool any = all;
    for (std::size_t c = 0; c < result.plan.columns.size() && !any; ++c)
      any = mean_of(result.at(page, r, c).*figure.values).has_value();
    if (any) rows.push_back(r);
  }
  return rows;
}

std::string heat_map(const GridResult& result, std::size_t page, const Figure& figure) {
  const GridPlan& plan = result.plan;
  std::string html = "<div class=\"wide\"><table class=\"heat\"><thead><tr><th></th>";
  for (const GridChange& column : plan.columns)
    html += fmt::format("<th class=\"column\"><span>{}</span></th>", html_escaped(column.name));
  html += "</tr></thead><tbody>\n";
  for (const std::size_t r : rows_with(result, page, figure)) {
    html += fmt::format("<tr><th class=\"text\">{}</th>", html_escaped(plan.rows[r].name));
    for (std::size_t c = 0; c < plan.columns.size(); ++c)
      html += cell_html(result.at(page, r, c), figure,
                        plan.rows[r].name + " × " + plan.columns[c].name);
    html += "</tr>\n";
  }
  return html + "</tbody></table></div>\n";
}

std::string scale_bar() {
  std::string stops;
  for (const auto& [red, green, blue] : kViridis)
    stops += fmt::format(",rgb({:.0f},{:.0f},{:.0f})", red, green, blue);
  return fmt::format(
      "<p class=\"scale\">0 <i style=\"background:linear-gradient(90deg{})\"></i> 1; – refused, · "
      "not measured; point at a cell for its seeds or the reason</p>\n",
      stops);
}

std::string refusals(const GridResult& result) {
  const GridPlan& plan = result.plan;
  std::string items;
  for (std::size_t p = 0; p < plan.pages.size(); ++p)
    for (std::size_t r = 0; r < plan.rows.size(); ++r)
      for (std::size_t c = 0; c < plan.columns.size(); ++c)
        if (const GridCell& cell = result.at(p, r, c); !cell.refused.empty())
          items += fmt::format("<li>{} {} × {}: {}</li>\n", html_escaped(plan.pages[p].name),
                               html_escaped(plan.rows[r].name), html_escaped(plan.columns[c].name),
                               html_escaped(cell.refused));
  if (items.empty()) return "";
  return "<details><summary>Combinations that were refused, and why</summary><ul>" + items +
         "</ul></details>\n";
}

}  // namespace

std::string grid_html(const GridResult& result) {
  const std::string title = result.plan.name.empty() ? "grid" : result.plan.name;
  std::string html = fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<title>{0}</title>\n<style>{1}{2}</style>\n</head>\n<body>\n<h1>{0}</h1>\n",
      html_escaped(title), kReportStyle, kStyle);
  for (std::size_t p = 0; p < result.plan.pages.size(); ++p)
    for (const Figure& figure : kFigures) {
      if (!has_any(result, p, figure)) continue;
      const std::string& page = result.plan.pages[p].name;
      html += fmt::format("<h2>{}{}{}</h2>\n", html_escaped(page), page.empty() ? "" : ": ",
                          figure.heading);
      html += heat_map(result, p, figure) + scale_bar();
    }
  return html + refusals(result) + "</body>\n</html>\n";
}

std::string grid_text(const GridResult& result) {
  const GridPlan& plan = result.plan;
  std::size_t width = 0;
  for (const GridChange& row : plan.rows) width = std::max(width, row.name.size());
  std::string text;
  for (std::size_t p = 0; p < plan.pages.size(); ++p)
    for (const Figure& figure : kFigures) {
      if (!has_any(result, p, figure)) continue;
      text += fmt::format("\n{} {}\n", plan.pages[p].name, figure.heading);
      text += fmt::format("{:<{}}", "", width);
      for (std::size_t c = 0; c < plan.columns.size(); ++c) text += fmt::format(" {:>5}", c + 1);
      text += "\n";
      for (const std::size_t r : rows_with(result, p, figure)) {
        text += fmt::format("{:<{}}", plan.rows[r].name, width);
        for (std::size_t c = 0; c < plan.columns.size(); ++c) {
          const GridCell& cell = result.at(p, r, c);
          const auto mean = mean_of(cell.*figure.values);
          text += mean ? fmt::format(" {:>5.3f}", *mean)
                       : fmt::format(" {:>5}", cell.refused.empty() ? "." : "-");
        }
        text += "\n";
      }
    }
  for (std::size_t c = 0; c < plan.columns.size(); ++c)
    text += fmt::format("{}{} {}", c == 0 ? "\n" : ", ", c + 1, plan.columns[c].name);
  return text + "\n- refused (grid.html says why), . not measured\n";
}

}  // namespace shoal
