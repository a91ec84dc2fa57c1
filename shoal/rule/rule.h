// Rule: the rows of one closed round to one row. A pure function: it knows nothing of messages or
// clocks, and what it remembers across rounds is an explicit argument.
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

class RoundStatistics;
class ThreadPool;

// One closed round. All rows have the same length.
struct RoundView {
  std::vector<std::span<const float>> rows;
  std::vector<std::uint32_t> senders;  // increasing
  std::vector<double> weights;         // sum to 1; coordinate rules ignore them and say so
  std::uint32_t round = 0;
  std::size_t declared_faults = 0;  // f
  ThreadPool* pool = nullptr;       // may share the work; never changes the result
  // Norms and distances of exactly these rows, when the caller shares them; else a rule that needs
  // them computes its own.
  RoundStatistics* statistics = nullptr;

  std::size_t size() const { return rows.size(); }
  std::size_t dimension() const { return rows.empty() ? 0 : rows.front().size(); }
};

// Which senders' rows went into the result (for a mean after mixing: all of them).
struct Selection {
  std::vector<std::uint32_t> kept;
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
  // Writes the aggregate to `out` (length = dimension).
  virtual Result<Selection> aggregate(const RoundView& round, std::span<float> out) = 0;
};

// Rows to rows, before a rule.
class PreAggregator {
 public:
  virtual ~PreAggregator() = default;
  // How many rows come out of n.
  virtual std::size_t rows_after(std::size_t n) const { return n; }
  // Row i of the result is no longer sender i's own: weights become equal, and every sender counts
  // as kept.
  virtual bool mixes_senders() const = 0;
  virtual Status check(std::size_t n, std::size_t f) const = 0;
  // `out` holds rows_after(n) rows of the dimension, one after another.
  virtual Status transform(const RoundView& round, std::span<float> out) = 0;
};

const Catalogue<Rule>& rules();
const Catalogue<PreAggregator>& pre_aggregators();

}  // namespace shoal
