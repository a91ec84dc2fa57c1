// Method: makes the programs of all nodes of a run.
//
// A method is prepared once: prepare() checks that its parts fit together (the refusal states the
// arithmetic) and returns the program each node runs. Nodes 0..servers()-1 are servers; the others
// are workers, worker i being node servers() + i.
#pragma once

#include <memory>
#include <vector>

#include "shoal/base/catalogue.h"
#include "shoal/base/thread_pool.h"
#include "shoal/codec/feedback.h"
#include "shoal/codec/work.h"
#include "shoal/graph/mixing.h"
#include "shoal/graph/topology.h"
#include "shoal/method/accordion.h"
#include "shoal/method/problem.h"
#include "shoal/node/node.h"
#include "shoal/rule/rule.h"

namespace shoal {

// What an experiment puts together. Pointers are not owned and outlive the programs.
struct MethodParts {
  std::uint64_t seed = 1;
  const Problem<float>* in_float = nullptr;  // one of the two
  const Problem<double>* in_double = nullptr;
  const Topology* topology = nullptr;  // of the workers; null when none was given
  MixingSettings mixing;
  const Codec* codec = nullptr;        // of updates; null: dense
  FeedbackSettings feedback;           // of updates
  const Table* codec_table = nullptr;  // its kind and settings, where known
  CodecWork codec_work;                // of the codec and its feedback
  AccordionSettings accordion;
  // Makes the server's rule with its memory; null: the weighted mean.
  std::function<Result<std::unique_ptr<Rule>>()> make_rule;
  std::size_t declared_faults = 0;
  const ValidationSet* validation = nullptr;  // of the server; null: none
  double patience_s = 0.0;                    // longest wait for another node
  double update_norm_max = 0.0;               // larger updates are refused; 0: any
  bool own_data = false;                      // workers bring rows that the problem does not list
  ThreadPool* pool = nullptr;                 // shares a server's work; results do not depend on it

  std::size_t workers() const { return in_float ? in_float->workers() : in_double->workers(); }
};

// Of the model that is trained.
inline const Layout& layout_of(const MethodParts& parts) {
  return parts.in_float ? parts.in_float->models->layout() : parts.in_double->models->layout();
}

// What a node checks of a message before it is taken in at all: shapes, types, finiteness, norm,
// and a weight of at most `rows_max`. The error's sentence goes back to the sender. Thread-safe.
using ContentCheck = std::function<Status(const Message& message, std::uint64_t rows_max)>;

// Where rows of a method travel, each in a message of its sender's own: what an [attack] can forge,
// and a rule could see. A row is whatever such a message says in numbers: a model, an update, a
// difference to what its receivers remember, a sum that is relayed, slopes.
struct RowPlace {
  Tag tag{};
  // Of the messages of this tag: those of round step * rounds_per_step + phase.
  Step rounds_per_step = 1;
  Step phase = 0;
  // A message holds `rows` rows of the layout: raw scalars one after another in the first part, or
  // what the codec made of each in a part of its own. Row k of a round is encoded with the draws of
  // round * rows + k.
  std::vector<std::string> parts = {"x"};
  std::size_t rows = 1;
  Layout layout;                                             // of one row
  const Codec* codec = nullptr;                              // null: raw scalars
  std::shared_ptr<const void> owner;                         // of a codec that the method has made
  std::function<Draws(NodeId sender, Step number)> draws;    // null: codec_draws()
  std::string lossless = "leave [codec] out, or use dense";  // how to have one that loses nothing
  bool in_double = false;                                    // raw scalars
  // All receivers of a round see the same rows: the messages and their own.
  bool same_everywhere = false;
  // A sender tells all its receivers the same, so that what it told them is its own row.
  bool one_for_all = true;
  // The count that a sender's weight is taken from; empty: all weigh the same.
  std::string weight;
  // Whom a server asks in a round, increasing; null: all workers.
  std::function<std::vector<NodeId>(Step)> senders;

  Step step_of(Step round) const { return round / rounds_per_step; }
  bool holds(Tag of, Step round) const { return of == tag && round % rounds_per_step == phase; }
};

class Method {
 public:
  virtual ~Method() = default;
  virtual std::size_t servers() const = 0;
  // Rounds or steps of the whole run.
  virtual Step length() const = 0;
  // Whether it needs a topology of the workers.
  virtual bool needs_topology() const = 0;
  // Whether [accordion] is of any use to it.
  virtual bool takes_accordion() const { return false; }
  virtual Result<Program> prepare(const MethodParts& parts) const = 0;
  // Where its rows travel, at least one place, or why there are none that an [attack] could forge.
  // The parts are those it was prepared with.
  virtual Result<std::vector<RowPlace>> rows(const MethodParts& parts) const = 0;
  // Whether a worker trains for a round at a time, from a model that it was sent: then liars can do
  // what LocalAttack::changes_rounds() is about.
  virtual bool trains_in_rounds() const { return false; }
  // Whether the server lets go of each message soon after those before it in the cohort have come.
  virtual bool adds_up(const MethodParts&) const { return false; }
  // Whether a worker can come to a run under way with nothing but a replica: ok, or what it would
  // have to know besides. A replica is the mean of its neighbours' (or the server's model).
  virtual Status newcomer() const = 0;
  // The check of what reaches a node of this method from outside.
  virtual Result<ContentCheck> content_check(const MethodParts& parts) const = 0;
};

const Catalogue<Method>& methods();

}  // namespace shoal
