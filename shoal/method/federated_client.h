// The client's half of the federated skeleton: what it remembers, and its local training.
#pragma once

#include <memory>
#include <vector>

#include "shoal/method/federated.h"

namespace shoal {

// Between rounds a client holds its control variate and its feedback, if any, and nothing else.
class FederatedClient : public Persistent {
 public:
  FederatedClient(const Node& node, std::shared_ptr<const FederatedJob> job);

  // Takes the model (and correction state) of an invitation, and settles the update before; an
  // error leaves it unchanged.
  Status accept(const Message& invitation);
  // K local steps; sets what is to be sent. To be run inside compute().
  void train();
  // The encoded update of the round; releases the round's memory.
  Frame update();

  double work_flops() const;
  std::uint64_t gradients() const;  // rows whose gradient train() evaluates

  void save(ByteWriter& out) const override;
  Status load(ByteReader& in) override;

 private:
  std::size_t worker() const { return id_ - 1; }
  const Rows& rows() const {
    const Problem<float>& problem = *job_->problem;
    const bool other = attack_ && !problem.lying_rows.empty();
    return other ? problem.lying_rows[worker()] : job_->rows_of(worker());
  }
  // One more than the round of our newest update that counted, or kStartAnew.
  Result<std::uint32_t> counted(const Message& invitation) const;
  void settle(std::uint32_t counted);
  // One gradient step per batch, `steps` of them, from y.
  void local_steps(std::span<float> y, std::size_t steps, double learning_rate);
  // Takes delta into what is remembered of those before, and makes it that.
  void add_momentum(std::span<float> delta);
  // What a lying client makes of its update.
  void lie(const LocalAttack& attack, std::span<float> delta) const;
  void encode(std::span<const float> delta, std::span<const float> extra, std::size_t steps,
              double learning_rate);

  std::shared_ptr<const FederatedJob> job_;
  NodeId id_;
  NodeId twin_;  // whose draws it makes
  Step round_ = 0;
  const LocalAttack* attack_ = nullptr;  // what it does to its training in this round
  std::unique_ptr<Correction> correction_;
  std::unique_ptr<FeedbackSender<float>> feedback_;  // made with the first invitation
  Step sent_round_ = 0;                              // of the update that feedback_ has not settled
  std::vector<float> model_;                         // of the round under way
  std::vector<float> server_state_;                  // of the round under way
  std::vector<float> momentum_;                      // empty until first used
  Frame update_;
};

}  // namespace shoal
