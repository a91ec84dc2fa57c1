// Data orders: in which order a node visits its rows (permutation-based SGD, arXiv 2102.09718).
//
//   with_replacement    every place of an epoch is drawn independently
//   random_reshuffling  a fresh permutation each epoch
//   single_shuffle      one permutation, used in every epoch
//   in_order            as the partition lists them: streams, incremental gradient
//
// An epoch has as many places as the node has rows; its last batch keeps the remainder. Each epoch
// is keyed by (seed, node, epoch), so the saved state is two numbers: epoch and position.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "shoal/base/bytes.h"
#include "shoal/base/settings.h"
#include "shoal/data/dataset.h"

namespace shoal {

enum class OrderKind { kWithReplacement, kRandomReshuffling, kSingleShuffle, kInOrder };

void describe_order(Settings& settings, OrderKind& order);

class DataOrder {
 public:
  // `rows` must outlive the order and must not be empty. batch_size 0 takes whole epochs.
  DataOrder(OrderKind kind, std::span<const std::uint32_t> rows, std::size_t batch_size,
            std::uint64_t seed, std::uint32_t node);

  // Of the batches from the next one on; 0 takes what is left of an epoch.
  void set_batch_size(std::size_t batch_size) { batch_size_ = batch_size; }
  // The row ids of the next batch; valid until the next call.
  std::span<const std::uint32_t> next_batch();
  // What is left of this epoch (all of it at its begin), and moves on to the next epoch.
  std::span<const std::uint32_t> rest_of_epoch();

  // Goes to the beginning of an epoch: a node that trains in rounds gives each its own epochs.
  void seek(std::uint32_t epoch);

  // Epochs begun and places visited in the current one.
  std::uint32_t epoch() const { return epoch_; }
  std::size_t position() const { return position_; }
  std::size_t batches_per_epoch() const;

  void save(ByteWriter& writer) const;
  // Takes the state of an order of the same settings; an error when it does not fit the rows.
  Status load(ByteReader& reader);

 private:
  void begin_epoch();
  std::span<const std::uint32_t> advance(std::size_t count);

  OrderKind kind_;
  std::span<const std::uint32_t> rows_;
  std::size_t batch_size_;
  std::uint64_t seed_;
  std::uint32_t node_;
  std::uint32_t epoch_ = 0;
  std::size_t position_ = 0;
  Rows order_;  // of the current epoch; empty until it is asked for
};

// One full pass over `rows` in batches, the remainder in the last one: use(std::span of row ids).
template <class Use>
void for_each_batch(std::span<const std::uint32_t> rows, std::size_t batch_size, Use use) {
  const std::size_t size = batch_size == 0 ? rows.size() : batch_size;
  for (std::size_t begin = 0; begin < rows.size(); begin += size)
    use(rows.subspan(begin, std::min(size, rows.size() - begin)));
}

}  // namespace shoal
