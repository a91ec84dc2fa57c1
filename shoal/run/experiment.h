// An experiment: a TOML file, checked and with every default written out.
//
// Sections and the settings they hold:
//   (top)        name, seed, precision, patience_s
//   [data] [partition] [model] [topology] [method] [codec] [rule] [attack]
//                kind = "..." from the catalogue of that name, and the settings of that kind
//   [nodes]      how many, who lies, how fast
//   [network] [faults] [mixing] [accordion] [validation] [report]
//   [[run]]      name, and any of the above again: what this run changes. A section that names
//                another kind replaces the whole section.
#pragma once

#include <string>
#include <vector>

#include "shoal/base/value.h"
#include "shoal/codec/feedback.h"
#include "shoal/graph/mixing.h"
#include "shoal/method/accordion.h"
#include "shoal/sim/conditions.h"

namespace shoal {

enum class Precision { kFloat, kDouble };

struct GeneralSettings {
  std::string name;
  std::int64_t seed = 1;
  Precision precision = Precision::kFloat;
  double patience_s = 3600.0;
};
void describe(Settings& s, GeneralSettings& v);

struct NodesSettings {
  std::int64_t count = 10;
  std::int64_t liars = 0;
  bool liars_move = false;
  SpeedSettings speed;
};
void describe(Settings& s, NodesSettings& v);

struct ReportSettings {
  std::int64_t every = 1;
  std::int64_t checkpoint_every = 0;
  bool tensorboard = true;
  bool trace = false;
  bool links = false;
};
void describe(Settings& s, ReportSettings& v);

// Training rows that the server keeps for itself: for rules that ask for losses, and methods that
// ask for a gradient, on data that no sender has.
struct ValidationSettings {
  std::int64_t rows = 0;
};
void describe(Settings& s, ValidationSettings& v);

// What stands in [rule] beside the rule and what comes before it.
struct RuleUse {
  std::int64_t faults = 0;
};
void describe(Settings& s, RuleUse& v);

// What stands in [attack] beside the attack.
struct AttackUse {
  bool equivocate = false;
  std::int64_t from_round = 0;
  std::int64_t every = 1;
};
void describe(Settings& s, AttackUse& v);

// One run, resolved: every section present that matters, every default filled in.
struct Experiment {
  GeneralSettings general;
  NodesSettings nodes;
  NetworkSettings network;
  FaultSettings faults;
  MixingSettings mixing;
  ReportSettings report;
  FeedbackSettings feedback;  // stands in [codec], beside the codec's own settings
  AccordionSettings accordion;
  RuleUse rule_use;
  AttackUse attack_use;
  ValidationSettings validation;
  Table data, partition, model, topology, method, codec, rule, attack;  // kind and settings

  // The resolved file: write_toml(table()) reads back as the same experiment.
  Table table() const;
  std::string method_kind() const;
};

// "line 4: unknown setting 'ration' in [codec]; did you mean 'ratio'?"
Result<Experiment> resolve_experiment(const Table& table);

// `changes` laid over an experiment as a [[run]] is: a section that names another kind replaces the
// whole section.
Table with_changes(const Table& base, const Table& changes);

// The experiments of a file: itself, or one for every [[run]] with its changes laid on top.
// `overrides` are --set path=value pairs, laid on every run.
Result<std::vector<Experiment>> read_experiments(const Table& file,
                                                 const std::vector<std::string>& overrides);
Result<std::vector<Experiment>> read_experiment_file(const std::string& path,
                                                     const std::vector<std::string>& overrides);

}  // namespace shoal
