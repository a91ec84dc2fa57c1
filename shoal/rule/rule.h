// Rule: the rows of one closed round to one row. It knows nothing of messages or clocks: the same
// rounds in the same order give the same bits. What it remembers across rounds (FoolsGold, MUD-HoG,
// centred clipping) it saves and loads with the run's checkpoints; what it asks of the receiver
// besides rows it says in needs().
//
// Rows come in increasing sender id, ties break by sender id, sums have a fixed order. Rows with a
// NaN or infinity never reach a rule (the caller screens them).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "shoal/base/catalogue.h"
#include "shoal/base/result.h"

namespace shoal {

class ByteReader;
class ByteWriter;
class RoundStatistics;
class ThreadPool;

// Losses on data that the receiver itself holds (Zeno). A row is what a sender proposes: added to
// the model (or subtracted, times a step size) by the receiver's own update.
class ValidationLoss {
 public:
  virtual ~ValidationLoss() = default;
  // Mean loss over the round's validation rows of the receiver's model.
  virtual double before() const = 0;
  // The same after the model has taken `row` alone; +infinity or NaN where it blows up.
  virtual double after(std::span<const float> row) const = 0;
};

// What a rule asks of its receiver besides rows. A method that has none of it refuses the rule.
struct RuleNeeds {
  bool trusted_row = false;         // RoundView::trusted
  std::size_t validation_rows = 0;  // RoundView::validation on so many rows, drawn anew every round
  bool every_sender = false;        // all senders in every round: memories of equal length
};

// One closed round. All rows have the same length.
struct RoundView {
  std::vector<std::span<const float>> rows;
  std::vector<std::uint32_t> senders;  // increasing
  std::vector<double> weights;         // sum to 1; coordinate rules ignore them and say so
  std::uint32_t round = 0;
  std::uint32_t receiver = 0;       // the node that aggregates
  std::uint64_t seed = 1;           // of a rule's own draws, with receiver and round
  std::size_t declared_faults = 0;  // f
  // A row of the receiver's own that it trusts: its model among peers, a gradient on its validation
  // rows at a server. Empty: none.
  std::span<const float> trusted;
  const ValidationLoss* validation = nullptr;
  ThreadPool* pool = nullptr;  // may share the work; never changes the result
  // Norms and distances of exactly these rows, when the caller shares them; else a rule that needs
  // them computes its own.
  RoundStatistics* statistics = nullptr;

  std::size_t size() const { return rows.size(); }
  std::size_t dimension() const { return rows.empty() ? 0 : rows.front().size(); }
};

// What a detector takes a sender for.
enum class SuspectKind { kSignFlip, kNoise, kTargeted, kUnreliable };
struct Suspect {
  std::uint32_t sender = 0;
  SuspectKind kind = SuspectKind::kSignFlip;
  bool operator==(const Suspect&) const = default;
};

// Which senders' rows went into the result, increasing (for a mean after mixing: all of them; for a
// weighted one those with a weight above 0), and whom a detector suspects, increasing.
struct Selection {
  std::vector<std::uint32_t> kept;
  std::vector<Suspect> suspects = {};
};

class Rule {
 public:
  virtual ~Rule() = default;
  // Error with the arithmetic ("krum needs n >= 2f+3 = 7 and 5 rows arrived") when (n, f) is
  // outside the rule's domain. Called before a run with the expected n and again every round.
  virtual Status check(std::size_t n, std::size_t f) const = 0;
  // Whether the aggregate is sum w_i x_i / sum w_i over the claimed weights: rows may then be added
  // up as they come, and none be kept.
  virtual bool is_weighted_mean() const { return false; }
  virtual RuleNeeds needs() const { return {}; }
  // Writes the aggregate to `out` (length = dimension). After an error what is remembered is as it
  // was before.
  virtual Result<Selection> aggregate(const RoundView& round, std::span<float> out) = 0;
  // What it remembers across rounds; most rules remember nothing. load() checks what it reads
  // against itself, not against a dimension that it first sees in aggregate().
  virtual void save(ByteWriter&) const {}
  virtual Status load(ByteReader&) { return ok_status(); }
};

// How many of `declared` liars may still be among the rows when `refused` senders were shut out for
// what they sent (no row at all, or one that is not finite): those are found. Silence proves
// nothing, so senders that are missing do not count. Without this, liars could end every round by
// sending nonsense, since n - f rows are too few for f.
std::size_t faults_left(std::size_t declared, std::size_t refused);

// Error: what `rule` needs that a receiver who offers `offered` does not have, as a sentence.
Status check_needs(const RuleNeeds& needs, const RuleNeeds& offered);

// Rows that a stage made, one after another. Not zeroed: the stage writes all of them.
class MadeRows {
 public:
  // Room for `count` rows; what was held before is gone, its memory used again where it is enough.
  std::vector<std::span<float>> make(std::size_t count, std::size_t dimension);

 private:
  std::unique_ptr<float[]> values_;
  std::size_t room_ = 0;
};

// Rows to rows, before a rule.
class PreAggregator {
 public:
  virtual ~PreAggregator() = default;
  // How many rows come out of n.
  virtual std::size_t rows_after(std::size_t n) const { return n; }
  // How many of those that come out f liars can have spoilt; most stages leave f as it is.
  virtual std::size_t faults_after(std::size_t /*n*/, std::size_t f) const { return f; }
  // Row i of the result is no longer sender i's own: weights become equal, and every sender counts
  // as kept.
  virtual bool mixes_senders() const = 0;
  virtual Status check(std::size_t n, std::size_t f) const = 0;
  // The rows_after(n) rows that come out: rows of the round where they stay as they are, which is
  // never copied, or rows in `made`, which has to live as long as they are used.
  virtual Result<std::vector<std::span<const float>>> transform(const RoundView& round,
                                                                MadeRows& made) = 0;
};

const Catalogue<Rule>& rules();
const Catalogue<PreAggregator>& pre_aggregators();

}  // namespace shoal
