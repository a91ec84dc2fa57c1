// The server's half of the federated skeleton: the global model and what is done with a round.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "shoal/method/federated.h"

namespace shoal {

class FederatedServer : public Persistent {
 public:
  FederatedServer(std::shared_ptr<const FederatedJob> job, std::unique_ptr<Rule> rule);

  // Before anything of a round is taken in. `cohort` is increasing.
  void open_round(std::vector<NodeId> cohort);
  // The message every client of the open round is sent.
  Frame invitation(Step round) const;
  // Takes in one update as it comes. Under a rule that is a weighted mean it is added up as soon as
  // those before it in the cohort have been, so that memory holds a sum and not the rows; updates
  // are added in the order of the cohort whatever order they come in.
  void take(const Message& message);
  // Takes in what is left, then aggregates and steps. To be run inside compute().
  void close_round(Step round, const Arrivals& arrivals);
  double work_flops(const Arrivals& arrivals) const;

  std::span<const float> parameters() const { return parameters_; }
  // Of the last round: rows that reached the rule, updates refused, and whether it was abandoned.
  std::size_t used() const { return used_; }
  std::size_t refused() const { return refused_; }
  bool abandoned() const { return abandoned_; }
  double update_norm() const { return update_norm_; }
  // Whose rows the rule saw in the last round, and what it made of them; without a rule that looks
  // at rows, empty.
  std::span<const NodeId> senders() const { return senders_; }
  const Selection& selection() const { return selection_; }
  // The rows themselves and what became of them, until forget_rows().
  const RoundView& view() const { return view_; }
  std::span<const float> aggregate() const { return aggregate_; }
  void forget_rows();

  void save(ByteWriter& out) const override;
  Status load(ByteReader& in) override;

 private:
  using Update = FederatedUpdate;
  Status decode(const Message& message, Update& update) const;
  // What is remembered of the client; null without feedback.
  const FeedbackReceiver<float>* memory_of(NodeId client) const;
  // A client with another shift than ours starts anew, as we do.
  void compare_shift(const Message& message);
  // Its update reached the model: it may move its shift, as we do ours.
  void count(Step round, std::span<Update> updates);
  std::vector<Update> decode_held();
  std::vector<double> weights(std::span<const Update> updates) const;
  bool adds_up() const;
  void add_up(const Message& message);
  void aggregate_sum(Step round, std::span<float> delta);
  Status aggregate_rows(Step round, std::span<float> delta);
  // Divides by a_i and returns tau_eff = sum p_i a_i.
  double normalise(std::span<Update> updates, std::span<const double> weights) const;

  std::shared_ptr<const FederatedJob> job_;
  std::unique_ptr<Rule> rule_;
  std::vector<float> parameters_;
  ServerOptimizer optimizer_;
  CorrectionState correction_;
  // With feedback: of every client, the receiver's half, and one more than the round of its newest
  // update that counted, or kStartAnew.
  std::map<NodeId, FeedbackReceiver<float>> memories_;
  std::map<NodeId, std::uint32_t> counted_;
  // Of the open round.
  std::vector<NodeId> cohort_;
  std::size_t next_in_cohort_ = 0;  // whose update is added next
  std::map<NodeId, Message> held_;  // came before their turn
  std::vector<double> sum_;         // of weight times update
  Update added_;                    // the one added last: its memory serves the next
  double weight_ = 0.0;             // of those in the sum
  std::vector<NodeId> in_sum_;
  std::vector<std::vector<float>> extras_;  // corrections of the round's updates
  std::size_t used_ = 0;
  std::size_t refused_ = 0;
  bool abandoned_ = false;
  double update_norm_ = 0.0;
  std::vector<NodeId> senders_;
  Selection selection_;
  std::vector<Update> updates_;  // that view_ looks at
  RoundView view_;
  std::vector<float> aggregate_;
};

}  // namespace shoal
