#include "shoal/run/report_kept.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <optional>

#include "shoal/run/report_plot.h"

namespace shoal {
namespace {

constexpr double kWidth = 600.0;
constexpr double kLineHeight = 7.0;

// Stretches of rounds [first, last] in which a sender was kept, one behind the other.
using Stretches = std::vector<std::pair<Step, Step>>;

std::map<NodeId, Stretches> stretches_of(const RunSummary& run) {
  std::map<NodeId, Stretches> kept;
  std::optional<Step> before;  // the round of the last line that says who was kept
  for (const LedgerLine& line : run.lines) {
    if (!line.kept) continue;
    for (const NodeId sender : *line.kept) {
      Stretches& stretches = kept[sender];
      if (!stretches.empty() && before && stretches.back().second == *before)
        stretches.back().second = line.round;
      else
        stretches.emplace_back(line.round, line.round);
    }
    before = line.round;
  }
  if (kept.empty()) return kept;
  // Those between who were never kept have a line, too: they are what one looks for.
  for (NodeId sender = kept.begin()->first; sender < kept.rbegin()->first; ++sender) kept[sender];
  return kept;
}

bool all_kept_throughout(const std::map<NodeId, Stretches>& kept) {
  return std::ranges::all_of(kept, [&](const auto& sender) {
    return sender.second.size() == 1 && sender.second.front() == kept.begin()->second.front();
  });
}

}  // namespace

std::string kept_figure(const RunSummary& run) {
  const std::map<NodeId, Stretches> kept = stretches_of(run);
  if (kept.empty() || all_kept_throughout(kept)) return {};
  const double rounds = run.lines.back().round + 1.0;
  std::string bars;
  double y = 0.0;
  for (const auto& [sender, stretches] : kept) {
    bars += fmt::format(
        "<g><title>node {}</title><rect x=\"0\" y=\"{:.0f}\" width=\"{:.0f}\" "
        "height=\"{:.0f}\" fill=\"var(--grid)\"/>",
        sender, y, kWidth, kLineHeight - 1);
    for (const auto& [first, last] : stretches)
      bars += fmt::format(
          "<rect x=\"{:.2f}\" y=\"{:.0f}\" width=\"{:.2f}\" height=\"{:.0f}\" fill=\"var(--c0)\"/>",
          kWidth * first / rounds, y, kWidth * (last + 1.0 - first) / rounds, kLineHeight - 1);
    bars += "</g>\n";
    y += kLineHeight;
  }
  return fmt::format(
      "<figure><h2>Who was kept: {}</h2><svg viewBox=\"0 0 {:.0f} {:.0f}\" role=\"img\">{}</svg>"
      "<figcaption>A line a sender, by number from {} on; dark in rounds whose aggregate its row "
      "went into, over {:.0f} rounds; pale where it was left out or not asked. Point at a line for "
      "its number.</figcaption></figure>\n",
      html_escaped(run.name), kWidth, y, bars, kept.begin()->first, rounds);
}

}  // namespace shoal
