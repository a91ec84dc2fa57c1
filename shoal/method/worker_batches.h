// The batches that one worker steps with: from its own rows or, in steps in which a liar's data are
// others, from those. Each has an order of its own, which stands still while the other is used.
#pragma once

#include <optional>

#include "shoal/data/order.h"
#include "shoal/method/problem.h"
#include "shoal/node/world.h"

namespace shoal {

template <class Scalar>
class WorkerBatches : public Persistent {
 public:
  // `node` keys the order; batch 0 takes all rows at once. The problem outlives it.
  WorkerBatches(const Problem<Scalar>& problem, std::size_t worker, NodeId node, std::uint64_t seed,
                std::size_t batch);

  struct Batch {
    std::span<const std::uint32_t> rows;  // none: a worker without data
    bool skipped = false;                 // an attack passes over it
  };
  // Of this step; valid until the next call.
  Batch next(Step step);
  void set_size(std::size_t rows);  // of the next ones; 0: all
  // Rows of a batch of the worker's own; that at an epoch's end may be smaller.
  std::size_t size() const { return size_; }

  void save(ByteWriter& out) const override;
  Status load(ByteReader& in) override;

 private:
  std::size_t fitting(const Rows& rows, std::size_t wanted) const;

  const Problem<Scalar>& problem_;
  std::size_t worker_;
  std::uint64_t seed_;
  std::size_t size_;
  std::optional<DataOrder> honest_, lying_;  // none without rows
};

extern template class WorkerBatches<float>;
extern template class WorkerBatches<double>;

}  // namespace shoal
