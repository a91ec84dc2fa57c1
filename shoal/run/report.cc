// The report's page: a table, a legend, a row of plots for accuracy and one for loss. Everything
// that came from a file is escaped where it enters the page.
#include "shoal/run/report.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <functional>

#include "shoal/run/human.h"
#include "shoal/run/report_kept.h"
#include "shoal/run/report_plot.h"
#include "shoal/run/report_style.h"
#include "shoal/run/report_table.h"

namespace shoal {
namespace {

constexpr std::size_t kStickyLegendMax = 6;  // a longer legend would hide what it explains

constexpr double kFarBeyond = 5.0;

constexpr const char* kFinalFigures =
    "the mean over the last tenth of the measured rounds, never the best";

// --- Text ---

// A terminal obeys control characters; a table does not need them.
std::string printable(const std::string& text) {
  std::string clean = text;
  for (char& c : clean)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return clean;
}

// Characters, not bytes, of UTF-8.
std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

std::string text_row(const std::vector<ReportColumn>& columns,
                     const std::vector<std::size_t>& widths,
                     const std::function<std::string(const ReportColumn&)>& cell) {
  std::string row;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const std::string text = printable(cell(columns[i]));
    const std::string fill(widths[i] - width_of(text), ' ');
    if (i > 0) row += "  ";
    row += columns[i].is_text ? text + fill : fill + text;
  }
  return row + "\n";
}

// --- Table ---

std::string key_svg(std::size_t style) {
  return fmt::format(
      "<svg class=\"key\" viewBox=\"0 0 32 10\" aria-hidden=\"true\">"
      "<g class=\"run {}\"><path d=\"M0 5H32\"/></g></svg>",
      style_classes(style));
}

std::string html_table(const std::vector<ReportColumn>& columns, std::size_t runs) {
  std::string html = "<div class=\"wide\"><table>\n<thead><tr>";
  const auto open = [](const char* element, const ReportColumn& column) {
    return fmt::format("<{}{}>", element, column.is_text ? " class=\"text\"" : "");
  };
  for (const ReportColumn& column : columns)
    html += open("th", column) + html_escaped(column.heading) + "</th>";
  html += "</tr></thead>\n<tbody>\n";
  for (std::size_t run = 0; run < runs; ++run) {
    html += "<tr>";
    for (const ReportColumn& column : columns) {
      html += open("td", column);
      if (column.is_text && runs > 1) html += key_svg(run);
      html += html_escaped(column.cells[run]) + "</td>";
    }
    html += "</tr>\n";
  }
  return html + "</tbody></table></div>\n";
}

std::string table_note(const std::vector<RunSummary>& runs) {
  std::string note = fmt::format("Final figures are {}. ", kFinalFigures);
  if (std::any_of(runs.begin(), runs.end(),
                  [](const RunSummary& run) { return is_among_peers(run); }))
    note += "Among peers they are means over the nodes, and everything sent counts as up. ";
  note +=
      "Megabytes are millions of bytes as encoded on the wire; virtual time is that of the "
      "simulated machines and links, wall seconds are those of the computer that ran it.";
  return "<p class=\"note\">" + note + "</p>\n";
}

std::string legend(const std::vector<RunSummary>& runs) {
  if (runs.size() < 2) return {};
  std::string html =
      fmt::format("<ul class=\"legend{}\">\n", runs.size() <= kStickyLegendMax ? " few" : "");
  for (std::size_t i = 0; i < runs.size(); ++i)
    html += fmt::format("<li>{}{}</li>\n", key_svg(i), html_escaped(runs[i].name));
  return html + "</ul>\n";
}

// --- Plots ---

enum class Against { kRounds, kBytes, kTime };

double position(const LedgerLine& line, Against against, bool peers) {
  if (against == Against::kRounds) return static_cast<double>(line.round) + 1.0;
  return against == Against::kBytes ? bytes_sent(line, peers) : line.time_s;
}

Curve curve_of(const RunSummary& run, std::size_t style, const std::string& figure,
               Against against) {
  Curve curve;
  curve.name = run.name;
  curve.style = style;
  const bool peers = is_among_peers(run);
  for (const LedgerLine& line : run.lines)
    if (const auto value = line.figure(figure); value && std::isfinite(*value))
      curve.points.push_back({position(line, against, peers), *value});
  curve.broken_off = ended_not_finite(run, figure);
  curve.final = final_figure(run.lines, figure);
  if (curve.final && !std::isfinite(*curve.final)) curve.final.reset();
  return curve;
}

std::vector<Curve> curves_of(const std::vector<RunSummary>& runs, const std::string& figure,
                             Against against) {
  std::vector<Curve> curves;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    curves.push_back(curve_of(runs[i], i, figure, against));
    Curve worst = curve_of(runs[i], i, figure + "_worst", against);
    if (worst.points.empty()) continue;
    worst.name += ", worst node";
    worst.faint = true;
    worst.final.reset();
    curves.push_back(std::move(worst));
  }
  std::erase_if(curves, [](const Curve& curve) { return curve.points.empty(); });
  return curves;
}

Axis horizontal_axis(const std::vector<Curve>& curves, Against against) {
  Extent extent{HUGE_VAL, HUGE_VAL, 0.0};
  for (const Curve& curve : curves) {
    for (const Point& point : curve.points)
      if (point.x > 0.0) extent.first = std::min(extent.first, point.x);
    extent.end_min = std::min(extent.end_min, curve.points.back().x);
    extent.end_max = std::max(extent.end_max, curve.points.back().x);
  }
  if (against == Against::kRounds) return round_axis(extent.end_max);
  return against == Against::kBytes ? byte_axis(extent) : time_axis(extent);
}

// The highest loss worth a scale. A run that diverges would flatten all others, so where it goes
// far beyond, the axis ends at twice the highest loss of the runs that ended no worse than they
// began.
double loss_ceiling(const std::vector<Curve>& curves, double highest) {
  double ceiling = 0.0;
  for (const Curve& curve : curves) {
    if (curve.broken_off || curve.points.back().y > curve.points.front().y) continue;
    for (const Point& point : curve.points) ceiling = std::max(ceiling, 2.0 * point.y);
  }
  return ceiling > 0.0 && highest > kFarBeyond * ceiling ? ceiling : highest;
}

Axis vertical_axis(const std::vector<Curve>& curves, bool is_share) {
  double low = HUGE_VAL;
  double high = -HUGE_VAL;
  for (const Curve& curve : curves)
    for (const Point& point : curve.points) {
      low = std::min(low, point.y);
      high = std::max(high, point.y);
    }
  return is_share ? share_axis(low, high) : loss_axis(low, loss_ceiling(curves, high));
}

// Draws what lies beyond the top of the axis along it; true when there was any.
bool hold_below(double top, std::vector<Curve>& curves) {
  bool any = false;
  for (Curve& curve : curves) {
    if (curve.final) curve.final = std::min(*curve.final, top);
    for (Point& point : curve.points) {
      any = any || point.y > top;
      point.y = std::min(point.y, top);
    }
  }
  return any;
}

std::string caption(const Plot& plot, Against against, bool beyond) {
  const bool faint = std::any_of(plot.curves.begin(), plot.curves.end(),
                                 [](const Curve& curve) { return curve.faint; });
  const bool broken = std::any_of(plot.curves.begin(), plot.curves.end(),
                                  [](const Curve& curve) { return curve.broken_off; });
  std::string text;
  if (against == Against::kRounds) text = "As measured at the end of a round.";
  if (against == Against::kBytes) text = "Against everything sent so far, as encoded on the wire.";
  if (against == Against::kTime) text = "Against the clock of the simulated machines and links.";
  if (faint) text += " Mean over the nodes; thin, the worst node.";
  if (beyond) text += fmt::format(" Beyond {:.3g}, along the upper edge.", plot.y.high);
  if (broken) text += " Cross: no finite number from here on.";
  return text + " Dot: the final figure, a mean over the last tenth of the measured rounds.";
}

std::string figure_html(const std::vector<RunSummary>& runs, const std::string& figure,
                        const std::string& words, Against against) {
  Plot plot;
  plot.curves = curves_of(runs, figure, against);
  if (plot.curves.empty()) return {};
  plot.x = horizontal_axis(plot.curves, against);
  plot.y = vertical_axis(plot.curves, figure.find("accuracy") != std::string::npos);
  const char* by = against == Against::kRounds  ? "by round"
                   : against == Against::kBytes ? "by bytes sent"
                                                : "by virtual time";
  plot.title = words + " " + by;
  for (Curve& curve : plot.curves) {
    // A logarithmic axis has no place for what was measured before anything was sent.
    if (plot.x.logarithmic)
      std::erase_if(curve.points, [](const Point& point) { return !(point.x > 0.0); });
    curve.points = thinned(std::move(curve.points));
  }
  const bool beyond = hold_below(plot.y.high, plot.curves);
  return fmt::format("<figure><h2>{}</h2>\n{}<figcaption>{}</figcaption></figure>\n", plot.title,
                     plot_svg(plot), caption(plot, against, beyond));
}

std::string plot_row(const std::vector<RunSummary>& runs, const std::string& figure,
                     const std::string& words) {
  if (!any_has_figure(runs, figure)) return {};
  std::string html = "<div class=\"row\">\n";
  for (const Against against : {Against::kRounds, Against::kBytes, Against::kTime})
    html += figure_html(runs, figure, words, against);
  return html + "</div>\n";
}

// --- Where everything is ---

std::string details(const std::vector<RunSummary>& runs) {
  std::string html =
      "<details><summary>Folders, memory and model digests</summary>\n"
      "<div class=\"wide\"><table>\n<tr><th>run</th><th>method</th><th>rounds</th>"
      "<th>peak memory</th><th>folder</th><th>SHA-256 of the model</th></tr>\n";
  for (const RunSummary& run : runs)
    html += fmt::format(
        "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td><code>{}</code></td>"
        "<td><code>{}</code></td></tr>\n",
        html_escaped(run.name), html_escaped(run.method),
        run.lines.empty() ? 0 : run.lines.back().round + 1,
        run.peak_memory_bytes > 0.0 ? human_bytes(run.peak_memory_bytes) : "unknown",
        html_escaped(run.folder), html_escaped(run.model_digest));
  return html + "</table></div></details>\n";
}

}  // namespace

std::string summary_table(const std::vector<RunSummary>& runs,
                          std::optional<double> target_accuracy) {
  const std::vector<ReportColumn> columns = report_columns(runs, target_accuracy);
  std::vector<std::size_t> widths;
  for (const ReportColumn& column : columns) {
    widths.push_back(width_of(column.heading));
    for (const std::string& cell : column.cells)
      widths.back() = std::max(widths.back(), width_of(cell));
  }
  std::string text =
      text_row(columns, widths, [](const ReportColumn& column) { return column.heading; });
  for (std::size_t run = 0; run < runs.size(); ++run)
    text +=
        text_row(columns, widths, [&](const ReportColumn& column) { return column.cells[run]; });
  return text + fmt::format("final: {}", kFinalFigures);
}

std::string report_html(const std::string& title, const std::vector<RunSummary>& runs,
                        std::optional<double> target_accuracy) {
  std::string html = fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<title>{0}</title>\n<style>{1}</style>\n</head>\n<body>\n<h1>{0}</h1>\n",
      html_escaped(title), kReportStyle);
  html += html_table(report_columns(runs, target_accuracy), runs.size()) + table_note(runs) +
          legend(runs);
  html += plot_row(runs, "test_accuracy", "Test accuracy");
  if (any_has_figure(runs, "test_loss"))
    html += plot_row(runs, "test_loss", "Test loss");
  else
    html += plot_row(runs, "train_loss", "Training loss");
  html += plot_row(runs, "attack_success", "Attack success");
  html += plot_row(runs, "detection_precision", "Of the senders left out, the share that lies");
  html += plot_row(runs, "detection_recall", "Of the liars who sent, the share left out");
  std::string kept;
  for (const RunSummary& run : runs) kept += kept_figure(run);
  if (!kept.empty()) html += "<div class=\"row\">\n" + kept + "</div>\n";
  html += details(runs);
  html += fmt::format("<script>{}</script>\n</body>\n</html>\n", kReportScript);
  return html;
}

}  // namespace shoal
