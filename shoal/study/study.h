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

enum class Verdict { kReproduced, kNotReproduced, kNotReached };

struct Claim {
  std::string claim;     // one sentence
  std::string paper;     // the paper's (or the card's pilot) figure, "-" when it gives none
  std::string measured;  // with its spread
  std::string margin;    // what decides
  Verdict verdict = Verdict::kNotReached;
  std::string note;      // the cause, when the verdict is not "reproduced"
};

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
  // The final figure (ledger.h) of one run a seed.
  Result<Sample> over_seeds(const std::string& experiment, const std::vector<std::string>& set,
                            const std::string& figure);

 private:
  ThreadPool& pool_;
  std::vector<std::int64_t> seeds_;
  std::function<void(const std::string&)> say_;
  std::string text_;
};

struct Study {
  std::string name;     // "relaysgd"
  std::string summary;
  std::string paper;
  Result<std::vector<Claim>> (*run)(StudyContext& context);
};

// All studies (studies/catalogue.cc).
const std::vector<Study>& studies();

std::string verdict_text(Verdict verdict);
// Markdown: the claims as a table, then notes, then what the study added.
std::string study_markdown(const Study& study, const std::vector<Claim>& claims,
                           const std::string& text);

}  // namespace shoal
