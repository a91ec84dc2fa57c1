// The coordinator of Just One Byte: the roster of each round, the log of all, and a model of its
// own, made from them like everybody's.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "shoal/method/one_byte.h"

namespace shoal {

template <class Scalar>
class OneByteCoordinator : public Persistent {
 public:
  explicit OneByteCoordinator(std::shared_ptr<const OneByteJob<Scalar>> job);

  // What opens a round, or ends the run (round = rounds): what counted in the round before.
  Frame opening(Step round) const;
  // Answers to those who said in `round` - 1 where they stand (and to those who must begin anew):
  // the rounds that they lack, as far as they fit a frame. Workers that lack nothing are waited
  // for from now on.
  std::vector<std::pair<NodeId, Frame>> answers(Step round, const Arrivals& standings);
  // Workers that a round waits for: those known to be up; 0 means all.
  std::size_t awaited() const { return up_.size(); }
  // Counts what has come, logs it and applies it. To be run inside compute().
  void close(Step round, const Arrivals& slopes);
  double close_flops(const Arrivals& slopes) const;

  std::span<const Scalar> parameters() const { return parameters_; }
  const RoundLog& log() const { return log_; }

  // Of the last round that was closed.
  struct Figures {
    std::size_t samples = 0;        // counted
    std::size_t not_finite = 0;     // samples whose loss had no value
    std::size_t forked = 0;         // workers whose parameters differ from ours
    std::size_t refused = 0;        // workers whose slopes could not be read
    std::size_t payload_bytes = 0;  // of slopes, as they came
  };
  const Figures& figures() const { return figures_; }

  void save(ByteWriter& out) const override;
  Status load(ByteReader& in) override;

 private:
  // Takes in one worker's slopes; false when they do not count.
  bool take(Step round, const Message& message, std::uint32_t own_hash, CountedRound& counted);
  Frame catch_up(Step round, std::size_t from, bool anew) const;

  std::shared_ptr<const OneByteJob<Scalar>> job_;
  std::vector<Scalar> parameters_;
  RoundLog log_;
  std::vector<NodeId> up_;      // increasing
  std::vector<NodeId> forked_;  // told to begin anew with the next round
  Figures figures_;
};

extern template class OneByteCoordinator<float>;
extern template class OneByteCoordinator<double>;

}  // namespace shoal
