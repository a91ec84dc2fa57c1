#include "shoal/data/order.h"

#include <fmt/format.h>
#include <limits>

#include "shoal/base/check.h"
#include "shoal/base/random.h"

namespace shoal {

void describe_order(Settings& settings, OrderKind& order) {
  settings.choice("order", order, "in which order a node visits its rows",
                  {{"random_reshuffling", OrderKind::kRandomReshuffling},
                   {"single_shuffle", OrderKind::kSingleShuffle},
                   {"with_replacement", OrderKind::kWithReplacement},
                   {"in_order", OrderKind::kInOrder}},
                  {.paper = "2102.09718"});
}

DataOrder::DataOrder(OrderKind kind, std::span<const std::uint32_t> rows, std::size_t batch_size,
                     std::uint64_t seed, std::uint32_t node)
    : kind_(kind),
      rows_(rows),
      batch_size_(batch_size == 0 ? rows.size() : batch_size),
      seed_(seed),
      node_(node) {
  SHOAL_CHECK(!rows.empty(), "an order of no rows: a node without data is never asked to train");
}

void DataOrder::begin_epoch() {
  order_.assign(rows_.begin(), rows_.end());
  switch (kind_) {
    case OrderKind::kInOrder:
      return;
    case OrderKind::kSingleShuffle:
      RandomStream(seed_, purpose("data order, single shuffle"), node_).shuffle(std::span(order_));
      return;
    case OrderKind::kRandomReshuffling:
      RandomStream(seed_, purpose("data order"), node_, epoch_).shuffle(std::span(order_));
      return;
    case OrderKind::kWithReplacement: {
      RandomStream stream(seed_, purpose("data order, with replacement"), node_, epoch_);
      for (std::uint32_t& row : order_) row = rows_[stream.below(rows_.size())];
    }
  }
}

std::span<const std::uint32_t> DataOrder::advance(std::size_t count) {
  if (position_ == rows_.size()) {
    SHOAL_CHECK(epoch_ < std::numeric_limits<std::uint32_t>::max(), "more than 2^32 epochs");
    ++epoch_;
    position_ = 0;
    order_.clear();
  }
  if (order_.empty()) begin_epoch();
  const std::size_t begin = position_;
  position_ += std::min(count, rows_.size() - begin);
  return std::span<const std::uint32_t>(order_).subspan(begin, position_ - begin);
}

std::span<const std::uint32_t> DataOrder::next_batch() { return advance(batch_size_); }

std::span<const std::uint32_t> DataOrder::rest_of_epoch() { return advance(rows_.size()); }

void DataOrder::seek(std::uint32_t epoch) {
  epoch_ = epoch;
  position_ = 0;
  order_.clear();
}

std::size_t DataOrder::batches_per_epoch() const {
  return (rows_.size() + batch_size_ - 1) / batch_size_;
}

void DataOrder::save(ByteWriter& writer) const {
  writer.number(epoch_);
  writer.number<std::uint64_t>(position_);
}

Status DataOrder::load(ByteReader& reader) {
  SHOAL_TRY(const std::uint32_t epoch, reader.number<std::uint32_t>());
  SHOAL_TRY(const std::uint64_t position, reader.number<std::uint64_t>());
  if (position > rows_.size())
    return corrupt(
        fmt::format("a data order at place {} of a node with {} rows", position, rows_.size()));
  epoch_ = epoch;
  position_ = static_cast<std::size_t>(position);
  order_.clear();
  return ok_status();
}

}  // namespace shoal
