#include "shoal/data/order.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <map>
#include <numeric>

namespace shoal {
namespace {

constexpr OrderKind kAllKinds[] = {OrderKind::kWithReplacement, OrderKind::kRandomReshuffling,
                                   OrderKind::kSingleShuffle, OrderKind::kInOrder};

Rows some_rows(std::size_t count) {
  Rows rows(count);
  std::iota(rows.begin(), rows.end(), 100u);
  return rows;
}

Rows copy(std::span<const std::uint32_t> rows) { return Rows(rows.begin(), rows.end()); }

TEST(DataOrder, KeepsTheRemainderBatch) {
  const Rows rows = some_rows(10);
  for (const OrderKind kind : kAllKinds) {
    DataOrder order(kind, rows, 4, 1, 0);
    EXPECT_EQ(order.batches_per_epoch(), 3u);
    for (int epoch = 0; epoch < 3; ++epoch) {
      EXPECT_EQ(order.next_batch().size(), 4u);
      EXPECT_EQ(order.next_batch().size(), 4u);
      EXPECT_EQ(order.next_batch().size(), 2u);
      EXPECT_EQ(order.epoch(), static_cast<std::uint32_t>(epoch));
    }
  }
}

TEST(DataOrder, VisitsEveryRowOnceAnEpochUnlessWithReplacement) {
  const Rows rows = some_rows(37);
  for (const OrderKind kind : kAllKinds) {
    DataOrder order(kind, rows, 5, 3, 2);
    std::vector<Rows> epochs;
    for (int epoch = 0; epoch < 4; ++epoch) {
      Rows seen;
      for (std::size_t b = 0; b < order.batches_per_epoch(); ++b)
        for (const std::uint32_t row : order.next_batch()) seen.push_back(row);
      epochs.push_back(seen);
      std::sort(seen.begin(), seen.end());
      EXPECT_EQ(seen == rows, kind != OrderKind::kWithReplacement);
    }
    const bool fresh = kind == OrderKind::kWithReplacement || kind == OrderKind::kRandomReshuffling;
    EXPECT_EQ(epochs[0] != epochs[1] && epochs[1] != epochs[2], fresh);
    EXPECT_EQ(epochs[0] == rows, kind == OrderKind::kInOrder);
  }
}

TEST(DataOrder, DrawsWithReplacementUniformly) {
  const Rows rows = some_rows(5);
  DataOrder order(OrderKind::kWithReplacement, rows, 0, 11, 0);
  std::map<std::uint32_t, int> count;
  for (int epoch = 0; epoch < 20000; ++epoch)
    for (const std::uint32_t row : order.next_batch()) ++count[row];
  // 100,000 draws: each row 20,000 times with a deviation of 126.
  for (const std::uint32_t row : rows) EXPECT_NEAR(count[row], 20000, 700);
}

TEST(DataOrder, ReshufflesUniformlyOverPermutations) {
  const Rows rows = {0, 1, 2};
  DataOrder order(OrderKind::kRandomReshuffling, rows, 0, 5, 0);
  std::map<Rows, int> count;
  for (int epoch = 0; epoch < 60000; ++epoch) ++count[copy(order.next_batch())];
  EXPECT_EQ(count.size(), 6u);
  for (const auto& [permutation, times] : count) EXPECT_NEAR(times, 10000, 500);
}

TEST(DataOrder, DependsOnSeedAndNode) {
  const Rows rows = some_rows(50);
  const auto first = [&](std::uint64_t seed, std::uint32_t node) {
    return copy(DataOrder(OrderKind::kRandomReshuffling, rows, 0, seed, node).next_batch());
  };
  EXPECT_EQ(first(1, 2), first(1, 2));
  EXPECT_NE(first(1, 2), first(1, 3));
  EXPECT_NE(first(1, 2), first(2, 2));
}

TEST(DataOrder, ResumesAnywhere) {
  const Rows rows = some_rows(11);
  for (const OrderKind kind : kAllKinds)
    for (int stop = 0; stop < 12; ++stop) {
      DataOrder order(kind, rows, 3, 9, 4);
      for (int i = 0; i < stop; ++i) (void)order.next_batch();
      ByteWriter writer;
      order.save(writer);
      EXPECT_EQ(writer.size(), 12u);
      DataOrder resumed(kind, rows, 3, 9, 4);
      ByteReader reader(writer.bytes());
      ASSERT_TRUE(resumed.load(reader).ok());
      for (int i = 0; i < 9; ++i) EXPECT_EQ(copy(resumed.next_batch()), copy(order.next_batch()));
    }
}

TEST(DataOrder, RefusesAStateThatDoesNotFit) {
  const Rows rows = some_rows(3);
  ByteWriter writer;
  writer.number<std::uint32_t>(1);
  writer.number<std::uint64_t>(4);
  DataOrder order(OrderKind::kInOrder, rows, 2, 0, 0);
  ByteReader reader(writer.bytes());
  EXPECT_FALSE(order.load(reader).ok());
  ByteReader cut(ByteView(writer.bytes()).first(11));
  EXPECT_FALSE(order.load(cut).ok());
  EXPECT_EQ(copy(order.next_batch()), (Rows{100, 101}));
}

TEST(DataOrder, PassesOnceInBatches) {
  const Rows rows = some_rows(7);
  DataOrder order(OrderKind::kRandomReshuffling, rows, 3, 1, 0);
  std::vector<std::size_t> sizes;
  Rows seen;
  for_each_batch(order.rest_of_epoch(), 3, [&](std::span<const std::uint32_t> batch) {
    sizes.push_back(batch.size());
    seen.insert(seen.end(), batch.begin(), batch.end());
  });
  EXPECT_EQ(sizes, (std::vector<std::size_t>{3, 3, 1}));
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(seen, rows);
  sizes.clear();
  for_each_batch(rows, 0,
                 [&](std::span<const std::uint32_t> batch) { sizes.push_back(batch.size()); });
  EXPECT_EQ(sizes, (std::vector<std::size_t>{7}));
}

}  // namespace
}  // namespace shoal
