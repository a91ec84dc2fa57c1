// A worker of Just One Byte: its parameters, where it stands, and what it has heard of the rounds.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "shoal/method/one_byte.h"
#include "shoal/method/worker_batches.h"

namespace shoal {

template <class Scalar>
class OneByteWorker : public Persistent {
 public:
  OneByteWorker(const Node& node, std::shared_ptr<const OneByteJob<Scalar>> job);

  // Takes in what the coordinator says, but applies nothing yet. An error leaves all as it was.
  Status take(const Message& message);
  // Where it stands, for the coordinator, when that must know: behind `message`, which opened a
  // round, or not counted in the round before.
  std::optional<Frame> standing(const Message& message) const;
  // Applies the rounds that it has heard of, one behind the other. To be run inside compute().
  void apply_heard();
  double apply_heard_flops() const;

  // Whether it stands in the open round and has not looked for slopes in it.
  bool is_due() const { return !over_ && opened_ == round_ + 1 && looked_ <= round_; }
  // Slopes of the open round. To be run inside compute().
  void find_slopes();
  double find_slopes_flops() const;
  Frame slopes() const;

  Step round() const { return round_; }
  bool over() const { return over_; }
  std::vector<Scalar>& parameters() { return parameters_; }

  void save(ByteWriter& out) const override;
  Status load(ByteReader& in) override;

 private:
  Status hear(Step round, CountedRound counted);
  Status take_log(const Message& message);
  void begin_anew();
  // The round behind the last one that is known without a gap.
  Step reaches() const;
  double slope_along(const DirectionKey& key, const Batch& batch);
  // With in_place: puts the parameters right.
  void restore();

  std::shared_ptr<const OneByteJob<Scalar>> job_;
  NodeId id_;
  std::uint64_t seed_;
  WorkerBatches<Scalar> batches_;
  std::vector<Scalar> parameters_;
  Step round_ = 0;   // rounds applied: the parameters are those before this round
  Step opened_ = 0;  // one more than the newest round that the coordinator has opened
  Step looked_ = 0;  // one more than the newest round that slopes were looked for in
  bool over_ = false;
  std::map<Step, CountedRound> heard_;
  // With in_place: parameters without drift as they were at the last restoring, and what has been
  // applied since. Touched once in restore_every rounds, so they need no fast memory.
  std::vector<Scalar> exact_;
  std::map<Step, CountedRound> since_;
  // Of the round under way.
  std::vector<Scalar> copy_;
  std::vector<double> slopes_;
  std::size_t bad_ = 0;
  std::uint32_t hash_ = 0;
};

extern template class OneByteWorker<float>;
extern template class OneByteWorker<double>;

}  // namespace shoal
