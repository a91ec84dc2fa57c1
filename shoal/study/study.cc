#include "shoal/study/study.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "shoal/base/toml.h"

namespace shoal {

double Sample::mean() const {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}
double Sample::lowest() const { return *std::min_element(values.begin(), values.end()); }
double Sample::highest() const { return *std::max_element(values.begin(), values.end()); }

std::string Sample::text(int digits) const {
  if (values.empty()) return "-";
  return fmt::format("{0:.{3}g} ({1:.{3}g} .. {2:.{3}g})", mean(), lowest(), highest(), digits);
}

Result<RunResult> StudyContext::run(const std::string& experiment,
                                    const std::vector<std::string>& set) {
  SHOAL_TRY(Table table, parse_toml(experiment));
  if (!table.find("name")) table.set("name", "study");
  SHOAL_TRY(const auto experiments, read_experiments(table, set));
  SHOAL_TRY(auto run, Run::create(experiments.front(), pool_));
  SHOAL_TRY_STATUS(run->go());
  return run->result();
}

Result<Sample> StudyContext::over_seeds(const std::string& experiment,
                                        const std::vector<std::string>& set,
                                        const std::string& figure) {
  Sample sample;
  for (const std::int64_t seed : seeds_) {
    std::vector<std::string> changes = set;
    changes.push_back(fmt::format("seed={}", seed));
    SHOAL_TRY(const RunResult result, run(experiment, changes));
    const auto value = final_figure(result.lines, figure);
    if (!value)
      return not_found(fmt::format("the run has no figure '{}'", figure));
    sample.values.push_back(*value);
  }
  say_(fmt::format("  {}  {} = {}", fmt::join(set, " "), figure, sample.text()));
  return sample;
}

std::string verdict_text(Verdict verdict) {
  switch (verdict) {
    case Verdict::kReproduced: return "reproduced";
    case Verdict::kNotReproduced: return "not reproduced";
    case Verdict::kNotReached: return "not reached";
  }
  return "";
}

std::string study_markdown(const Study& study, const std::vector<Claim>& claims,
                           const std::string& text) {
  std::string page = fmt::format("# {}: {}\n\nPaper: {}. Regenerate: `shoal study {}`.\n\n",
                                 study.name, study.summary, study.paper, study.name);
  page += "| | claim | paper | measured (mean, lowest .. highest) | decided by | verdict |\n";
  page += "|---|---|---|---|---|---|\n";
  std::string notes;
  for (std::size_t i = 0; i < claims.size(); ++i) {
    const Claim& claim = claims[i];
    page += fmt::format("| {} | {} | {} | {} | {} | **{}** |\n", i + 1, claim.claim, claim.paper,
                        claim.measured, claim.margin, verdict_text(claim.verdict));
    if (!claim.note.empty()) notes += fmt::format("{}. {}\n", i + 1, claim.note);
  }
  if (!notes.empty()) page += "\nNotes\n\n" + notes;
  if (!text.empty()) page += "\n" + text;
  return page;
}

}  // namespace shoal
