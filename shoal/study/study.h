// Studies: the claims of a paper as a command. `shoal study NAME` runs the method and its baselines
// side by side and prints, for every claim: what the paper says, what was measured and its spread
// over seeds, by which margin it is decided, and the verdict.
//
// A study is a file in studies/ with one function; studies/catalogue.cc lists them. Everything it
// needs goes through StudyContext, so progress, threads and seeds are the same everywhere:
//
//   Result<std::vector<Claim>> study_relaysgd(StudyContext& context) {
//     SHOAL_TRY(const Sample worst, context.over_seeds(kDigits, {"method.kind=relaysgd"},
//                                                      "test_accuracy_worst"));
//     ...
//   }
//
// Tuning never sees test data; a verdict that says no is a finding, with its cause beside it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "shoal/base/thread_pool.h"
#include "shoal/run/run.h"

namespace shoal {

// One figure over the seeds of a study.
struct Sample {
  std::vector<double> values;  // in the order of the seeds
  double mean() const;
  double lowest() const;
  double highest() const;
  std::string text(int digits = 3) const;  // "0.845 (0.839 .. 0.851)"
};

// How far a lies above b on the seed where it does least.
double smallest_lead(const Sample& a, const Sample& b);
// a / b on the seed where it is least, and where it is most.
double smallest_ratio(const Sample& a, const Sample& b);
double largest_ratio(const Sample& a, const Sample& b);

// The mean of a figure over the lines whose place (rounds, seconds, bytes) is in the last tenth of
// a budget: (0.9 budget, budget]. For comparing runs at equal cost. NaN when there is no such line.
double figure_within(const std::vector<LedgerLine>& lines, const std::string& figure, double budget,
                     double (*place)(const LedgerLine&));

// What a grid search took.
struct Tuned {
  double value = 0.0;
  double training_loss = 0.0;   // mean over the seeds
  bool at_edge = false;         // the first or last value of the grid
  std::vector<RunResult> runs;  // at that value, in the order of the seeds
};

enum class Verdict { kReproduced, kNotReproduced, kNotReached };

struct Claim {
  std::string claim;     // one sentence
  std::string paper;     // the paper's (or the card's pilot) figure, "-" when it gives none
  std::string measured;  // with its spread
  std::string margin;    // what decides
  Verdict verdict = Verdict::kNotReached;
  std::string note;  // the cause, when the verdict is not "reproduced"
};

// A section with its kind and settings, as changes of an experiment:
//   section("method", "d2", {"steps=600"}) is {"method.kind=d2", "method.steps=600"}.
// Naming another kind drops what the section held, so every setting that matters is said again.
std::vector<std::string> section(const std::string& name, const std::string& kind,
                                 const std::vector<std::string>& settings);
// Both lists, one behind the other.
std::vector<std::string> joined(std::vector<std::string> first,
                                const std::vector<std::string>& second);

class StudyContext {
 public:
  StudyContext(ThreadPool& pool, std::vector<std::int64_t> seeds,
               std::function<void(const std::string&)> say)
      : pool_(pool), seeds_(std::move(seeds)), say_(std::move(say)) {}

  const std::vector<std::int64_t>& seeds() const { return seeds_; }
  ThreadPool& pool() { return pool_; }
  // One line of progress.
  void say(const std::string& line) const { say_(line); }
  // Prints a table or anything else that belongs into the result.
  void add_text(const std::string& text) { text_ += text; }
  const std::string& text() const { return text_; }

  // One run of an experiment text with --set style changes on top.
  Result<RunResult> run(const std::string& experiment, const std::vector<std::string>& set);
  // The same, put together but not run: its data, partition and initial model.
  Result<std::unique_ptr<Assembly>> assembly(const std::string& experiment,
                                             const std::vector<std::string>& set);
  // One run a seed, in the order of the seeds.
  Result<std::vector<RunResult>> runs(const std::string& experiment,
                                      const std::vector<std::string>& set);
  // The final figure (ledger.h) of one run a seed.
  Result<Sample> over_seeds(const std::string& experiment, const std::vector<std::string>& set,
                            const std::string& figure);
  // body(context, i) for i in 0..count-1, as many at once as there are threads, which their
  // contexts share out; what is said comes as it is said. Bodies write to places of their own, and
  // results depend neither on the threads nor on the order. The first error by number; all are run.
  Status side_by_side(std::size_t count,
                      const std::function<Status(StudyContext&, std::size_t)>& body);
  // Tuning: sets `setting` to each value of the grid, and takes the one whose final `figure`, a
  // training loss, has the lowest mean over the seeds. A run that blew up is out. Test data play
  // no part. An error when no value gives a finite loss.
  Result<Tuned> tune(const std::string& experiment, const std::vector<std::string>& set,
                     const std::string& setting, const std::vector<double>& grid,
                     const std::string& figure);
  // What tune() ran at the value it took, in the order of the seeds.
  static Result<Sample> figure_of(const std::vector<RunResult>& runs, const std::string& figure);

 private:
  ThreadPool& pool_;
  std::vector<std::int64_t> seeds_;
  std::function<void(const std::string&)> say_;
  std::string text_;
};

struct Study {
  std::string name;  // "relaysgd"
  std::string summary;
  std::string paper;
  Result<std::vector<Claim>> (*run)(StudyContext& context);
};

// All studies (studies/catalogue.cc).
const std::vector<Study>& studies();

std::string verdict_text(Verdict verdict);
Verdict reproduced_if(bool held);
// A claim whose method this build does not have; `reason` is one clause.
Claim not_reached(std::string claim, std::string paper, std::string margin, std::string reason);
// A table with its heading above it; every row has a cell for every column.
std::string markdown_table(const std::string& heading, const std::vector<std::string>& columns,
                           const std::vector<std::vector<std::string>>& rows);
// Markdown: the claims as a table, then notes, then what the study added.
std::string study_markdown(const Study& study, const std::vector<Claim>& claims,
                           const std::string& text);

}  // namespace shoal
