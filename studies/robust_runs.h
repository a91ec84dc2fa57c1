// What the studies of robust rules share: one experiment, changed by a rule and an attack.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "shoal/study/study.h"

namespace shoal {

// SGD at a server, softmax regression on Fashion-MNIST split at random; `batch` rows a worker.
std::string softmax_on_fashion(std::size_t workers, std::size_t rounds, std::size_t batch);

// A rule, an attack, or one of the two with settings, as changes of an experiment.
struct RuleChoice {
  std::string name;                        // in tables
  std::string kind;                        // "mean": nothing is declared
  std::vector<std::string> settings = {};  // "m=9", without the section
  std::vector<std::string> before = {};    // pre-aggregators by name
};
struct AttackChoice {
  std::string name;
  std::string kind;  // empty: nobody lies
  std::vector<std::string> settings = {};
  bool in_transit = false;  // strikes values on their way: no node lies
};

// f is declared to the rule; so many lie. With attack.kind empty nobody does, and f stays.
std::vector<std::string> under(const RuleChoice& rule, std::size_t f, const AttackChoice& attack,
                               std::size_t liars);

// The final test accuracy of one run a seed; a run that blew up counts with the accuracy of its
// last model, whatever it is.
Result<Sample> accuracy_under(StudyContext& context, const std::string& experiment,
                              const std::vector<std::string>& set);

// Every rule under every attack, f declared and as many liars where nodes lie.
struct AccuracyGrid {
  std::vector<RuleChoice> rules;
  std::vector<AttackChoice> attacks;
  std::vector<std::vector<Sample>> accuracy;  // [attack][rule]

  // Both by name, which must be there.
  const Sample& at(const std::string& attack, const std::string& rule) const;
};
Result<AccuracyGrid> accuracy_grid(StudyContext& context, const std::string& experiment,
                                   std::vector<RuleChoice> rules, std::vector<AttackChoice> attacks,
                                   std::size_t f);
// A line an attack, a column a rule.
std::string grid_table(const std::string& heading, const AccuracyGrid& grid);

// The most that `sample` lies below `reference` on a seed.
double most_lost(const Sample& reference, const Sample& sample);

// Seconds of the fastest of so many turns.
double least_s(int turns, const std::function<void()>& work);
// The same of one aggregation by a pipeline, three turns on one thread; `rule` is a [rule] section
// in TOML. `out` takes the aggregate.
Result<double> aggregation_s(const std::string& rule, const std::vector<std::vector<float>>& rows,
                             std::size_t f, std::span<float> out);

}  // namespace shoal
