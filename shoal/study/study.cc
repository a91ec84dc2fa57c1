#include "shoal/study/study.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <mutex>
#include <numeric>
#include <thread>

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

double smallest_lead(const Sample& a, const Sample& b) {
  double least = a.values.front() - b.values.front();
  for (std::size_t i = 1; i < a.values.size(); ++i)
    least = std::min(least, a.values[i] - b.values[i]);
  return least;
}

double smallest_ratio(const Sample& a, const Sample& b) {
  double least = a.values.front() / b.values.front();
  for (std::size_t i = 1; i < a.values.size(); ++i)
    least = std::min(least, a.values[i] / b.values[i]);
  return least;
}
double largest_ratio(const Sample& a, const Sample& b) { return 1.0 / smallest_ratio(b, a); }

std::vector<std::string> section(const std::string& name, const std::string& kind,
                                 const std::vector<std::string>& settings) {
  std::vector<std::string> changes{name + ".kind=" + kind};
  for (const std::string& setting : settings) changes.push_back(name + "." + setting);
  return changes;
}

std::vector<std::string> joined(std::vector<std::string> first,
                                const std::vector<std::string>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

double figure_within(const std::vector<LedgerLine>& lines, const std::string& figure, double budget,
                     double (*place)(const LedgerLine&)) {
  double sum = 0.0, count = 0.0;
  for (const LedgerLine& line : lines) {
    const double at = place(line);
    const auto value = line.figure(figure);
    if (!value || at <= 0.9 * budget || at > budget) continue;
    sum += *value;
    count += 1.0;
  }
  return sum / count;
}

namespace {

Result<Experiment> read_one(const std::string& experiment, const std::vector<std::string>& set) {
  SHOAL_TRY(Table table, parse_toml(experiment));
  if (!table.find("name")) table.set("name", "study");
  SHOAL_TRY(const auto experiments, read_experiments(table, set));
  return experiments.front();
}

}  // namespace

Result<RunResult> StudyContext::run(const std::string& experiment,
                                    const std::vector<std::string>& set) {
  SHOAL_TRY(const Experiment resolved, read_one(experiment, set));
  SHOAL_TRY(auto run, Run::create(resolved, pool_));
  SHOAL_TRY_STATUS(run->go());
  return run->result();
}

Result<std::unique_ptr<Assembly>> StudyContext::assembly(const std::string& experiment,
                                                         const std::vector<std::string>& set) {
  SHOAL_TRY(const Experiment resolved, read_one(experiment, set));
  return assemble(resolved, pool_.threads());
}

Result<std::vector<RunResult>> StudyContext::runs(const std::string& experiment,
                                                  const std::vector<std::string>& set) {
  std::vector<RunResult> results;
  for (const std::int64_t seed : seeds_) {
    std::vector<std::string> changes = set;
    changes.push_back(fmt::format("seed={}", seed));
    SHOAL_TRY(RunResult result, run(experiment, changes));
    results.push_back(std::move(result));
  }
  return results;
}

Result<Sample> StudyContext::figure_of(const std::vector<RunResult>& runs,
                                       const std::string& figure) {
  Sample sample;
  for (const RunResult& run : runs) {
    const auto value = final_figure(run.lines, figure);
    if (!value) return not_found(fmt::format("the run has no figure '{}'", figure));
    sample.values.push_back(*value);
  }
  return sample;
}

Result<Sample> StudyContext::over_seeds(const std::string& experiment,
                                        const std::vector<std::string>& set,
                                        const std::string& figure) {
  SHOAL_TRY(const auto results, runs(experiment, set));
  SHOAL_TRY(Sample sample, figure_of(results, figure));
  say_(fmt::format("  {}  {} = {}", fmt::join(set, " "), figure, sample.text()));
  return sample;
}

Status StudyContext::side_by_side(std::size_t count,
                                  const std::function<Status(StudyContext&, std::size_t)>& body) {
  const std::size_t at_once = std::clamp<std::size_t>(count, 1, pool_.threads());
  std::vector<Status> statuses(count);
  std::atomic<std::size_t> next{0};
  std::mutex saying;
  const auto work = [&] {
    ThreadPool pool(pool_.threads() / at_once);
    StudyContext context(pool, seeds_, [&](const std::string& line) {
      const std::lock_guard lock(saying);
      say_(line);
    });
    for (std::size_t i = next++; i < count; i = next++) statuses[i] = body(context, i);
  };
  // Threads of their own: a pool's would be counted as places in that pool.
  std::vector<std::thread> others;
  for (std::size_t i = 1; i < at_once; ++i) others.emplace_back(work);
  work();
  for (std::thread& other : others) other.join();
  for (const Status& status : statuses) SHOAL_TRY_STATUS(status);
  return ok_status();
}

Result<Tuned> StudyContext::tune(const std::string& experiment, const std::vector<std::string>& set,
                                 const std::string& setting, const std::vector<double>& grid,
                                 const std::string& figure) {
  Tuned best;
  for (const double value : grid) {
    std::vector<std::string> changes = set;
    changes.push_back(fmt::format("{}={}", setting, value));
    SHOAL_TRY(auto results, runs(experiment, changes));
    SHOAL_TRY(const Sample loss, figure_of(results, figure));
    say_(fmt::format("  {}  {} = {}", fmt::join(changes, " "), figure, loss.text()));
    if (!std::isfinite(loss.mean())) continue;
    if (!best.runs.empty() && loss.mean() >= best.training_loss) continue;
    best = Tuned{value, loss.mean(), value == grid.front() || value == grid.back(),
                 std::move(results)};
  }
  if (best.runs.empty())
    return not_found(fmt::format("no value of {} gives a finite {}", setting, figure));
  return best;
}

std::string verdict_text(Verdict verdict) {
  switch (verdict) {
    case Verdict::kReproduced:
      return "reproduced";
    case Verdict::kNotReproduced:
      return "not reproduced";
    case Verdict::kNotReached:
      return "not reached";
  }
  return "";
}

Verdict reproduced_if(bool held) { return held ? Verdict::kReproduced : Verdict::kNotReproduced; }

Claim not_reached(std::string claim, std::string paper, std::string margin, std::string reason) {
  return Claim{std::move(claim),  std::move(paper),     "-",
               std::move(margin), Verdict::kNotReached, std::move(reason)};
}

std::string markdown_table(const std::string& heading, const std::vector<std::string>& columns,
                           const std::vector<std::vector<std::string>>& rows) {
  std::string text = fmt::format("\n{}\n\n| {} |\n|", heading, fmt::join(columns, " | "));
  for (std::size_t i = 0; i < columns.size(); ++i) text += "---|";
  text += "\n";
  for (const auto& row : rows) {
    SHOAL_CHECK(row.size() == columns.size(), "a table row with a cell too few or too many");
    text += fmt::format("| {} |\n", fmt::join(row, " | "));
  }
  return text;
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
