// Reduction: the mean over all workers of a row each, as far as the codec carries it. What every
// synchronous method without a server is built on:
//
//   Reduction<Scalar> reduction(plan, node.id());
//   const bool complete = co_await reduction.mean(node, round, row);
//   if (!complete) co_return;        // a worker did not answer
//
// What the codec is decides how the rows meet:
//   no codec          all-reduce of the raw scalars (collectives.h)
//   linear            all workers keep the same entries, so their values are summed on the way:
//                     an all-reduce of the kept scalars (of messages that hold nothing else: with
//                     ef_diana, ef_phase and h_init = "full" rows are gathered)
//   collective        PowerSGD: two all-reduces of factors (codec/collective.h)
//   any other, or a   all-gather: every worker sends its encoding to every other one, and each
//   [rule]            decodes all p and aggregates them by increasing node
// Every worker ends with the same bits. Codec and feedback see rows in the units of the caller.
//
// Feedback (codec/feedback.h): a worker keeps its own error and shift, and the mean of all shifts.
// A reduction in which a worker is missing fails everywhere, so no message is ever half counted. A
// row that nobody can read (not finite, say) fails it too, but under a [rule] all do without it.
//
// Wire, per worker: 2 (p-1)/p n scalars, or the same of the k kept ones; an all-gather p-1 times
// the codec's bytes. Cost: one encoding, and p decodings for an all-gather.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "shoal/codec/collective.h"
#include "shoal/codec/feedback.h"
#include "shoal/method/method.h"

namespace shoal {

enum class CollectiveKind { kAuto, kRing, kBinomial, kGather };
void describe_collective(Settings& s, CollectiveKind& v);

enum class ReductionWay { kRaw, kSummed, kCollective, kGathered };

// What all workers of a run agree on. Pointers outlive the reductions.
struct ReductionPlan {
  ReductionWay way = ReductionWay::kRaw;
  bool ring = true;  // of an all-reduce; else binomial
  std::size_t workers = 0;
  const Layout* layout = nullptr;
  const Codec* codec = nullptr;  // null: raw scalars
  Feedback feedback;
  CodecWork work;
  std::function<Result<std::unique_ptr<Rule>>()> make_rule;  // null: the mean
  std::size_t declared_faults = 0;
  double patience_s = 0.0;
  std::uint64_t seed = 1;
};
// Error: why this codec, feedback, rule or collective does not go together, or with so many
// workers.
Result<ReductionPlan> plan_reduction(const MethodParts& parts, CollectiveKind collective);

// The same without codec, feedback and rule: for rows that must meet exactly.
Result<ReductionPlan> plan_raw_reduction(const MethodParts& parts, CollectiveKind collective);

// Where the rows of a plan's reductions travel; an error when they are summed on the way, or are
// differences to a shift. Of this plan are the reductions of round step * rounds_per_step + phase.
Result<RowPlace> rows_of(const ReductionPlan& plan, bool in_double, Step rounds_per_step = 1,
                         Step phase = 0);

// What a node checks of a reduction's messages from outside.
template <class Scalar>
ContentCheck check_reduction(const ReductionPlan& plan);

// What a method sees of it.
template <class Scalar>
class Reducing : public Persistent {
 public:
  // `row` (of the layout's size) becomes the mean. False: a worker was not heard within the
  // patience, or a row could not be encoded or aggregated; `row` is of no use then. `round` grows
  // from call to call. `row` outlives the task.
  virtual Task<bool> mean(Node& node, Step round, std::span<Scalar> row) = 0;
  // What of this worker's row went into the last mean, without a rule: the row as decoded. Not with
  // feedback that keeps a shift.
  virtual std::span<const Scalar> own() const = 0;
  // Told before every mean, for policies that look at it.
  virtual void learning_rate(double) {}
  // Figures of its own for the ledger.
  virtual void show(Node&, Step) const {}
};

template <class Scalar>
class Reduction : public Reducing<Scalar> {
 public:
  // The plan outlives it.
  Reduction(const ReductionPlan& plan, NodeId id);

  Task<bool> mean(Node& node, Step round, std::span<Scalar> row) override;
  std::span<const Scalar> own() const override { return own_; }
  // What a collective codec has learnt in another reduction, of other tensors perhaps.
  void take_over(const Reduction& other) {
    if (encoding_ && other.encoding_) encoding_->take_over(*other.encoding_);
  }

  void show(Node& node, Step step) const override {
    if (rule_) node.show_selection(step, senders_, selection_);
  }

  void save(ByteWriter& out) const override;
  Status load(ByteReader& in) override;

 private:
  Task<bool> sum_kept(Node& node, Step round);
  Task<bool> encode_together(Node& node, Step round, std::span<Scalar> row);
  Task<bool> gather(Node& node, Step round, std::span<Scalar> row);
  Task<bool> all_reduce(Node& node, Step round, std::span<Scalar> vector);
  // Modelled operations of one encoding or decoding.
  double encode_flops() const;
  double decode_flops() const;
  Status encode(std::span<const Scalar> row, Step round);
  Status read(const Message& message, std::span<Scalar> row, std::vector<Scalar>& step) const;
  Status aggregate(const Arrivals& arrivals, Step round, std::span<Scalar> row);
  Status apply_rule(const std::vector<std::vector<Scalar>>& rows, Step round,
                    std::span<Scalar> row);

  const ReductionPlan& plan_;
  NodeId id_;
  FeedbackSender<Scalar> sender_;
  FeedbackReceiver<Scalar> receiver_;  // of the mean of all messages, with the mean of all shifts
  std::unique_ptr<Rule> rule_;
  std::vector<NodeId> senders_;  // of the last mean, when there is a rule
  Selection selection_;
  std::unique_ptr<CollectiveEncoding> encoding_;
  std::vector<Scalar> collective_error_;  // of a collective codec with feedback
  // One reduction at a time; none of this outlives it.
  ByteWriter encoded_;
  std::vector<Scalar> own_;
  std::vector<Scalar> own_step_;   // what moves this worker's shift (FeedbackSender::shift_step)
  std::vector<Scalar> mean_step_;  // the mean of all workers'
  std::vector<Scalar> kept_;
  std::vector<std::uint32_t> places_;
};

}  // namespace shoal
