#include "shoal/math/sorting_network.h"

#include <algorithm>
#include <bit>
#include <gtest/gtest.h>

#include "shoal/base/random.h"

namespace shoal {
namespace {

TEST(Network, ZeroOnePrincipleForAllInputs) {
  for (std::size_t n = 1; n <= 16; ++n) {
    const Comparators network = sorting_network(n);
    for (std::uint32_t input = 0; input < (1u << n); ++input) {
      std::uint32_t wires = input;
      for (const auto& [low, high] : network) {
        const std::uint32_t a = wires >> low & 1, b = wires >> high & 1;
        if (a > b) wires ^= (1u << low) | (1u << high);
      }
      // Sorted ascending: ones fill the upper wires.
      const int ones = std::popcount(input);
      ASSERT_EQ(wires, ((1u << ones) - 1) << (n - ones)) << n;
    }
  }
}

TEST(Network, LargerNetworksSortRandomInputs) {
  RandomStream stream(2, purpose("network"));
  for (std::size_t n : {17u, 25u, 33u, 64u, 100u, 200u}) {
    const Comparators network = sorting_network(n);
    for (int round = 0; round < 300; ++round) {
      std::vector<std::uint64_t> wires(n);
      for (auto& wire : wires) wire = stream.below(round % 2 ? 2 : 1000);
      for (const auto& [low, high] : network)
        if (wires[low] > wires[high]) std::swap(wires[low], wires[high]);
      EXPECT_TRUE(std::is_sorted(wires.begin(), wires.end()));
    }
  }
}

// Comparator counts: the literature's for powers of two; merge exchange needs 1, 6 and 2 fewer than
// a network cut from the next power of two at n = 10, 20, 25.
TEST(Network, Sizes) {
  const std::size_t expected[][3] = {{4, 5, 5},      {5, 9, 8},      {8, 19, 17},
                                     {10, 31, 29},   {16, 63, 53},   {20, 97, 81},
                                     {25, 138, 113}, {32, 191, 157}, {64, 543, 445}};
  for (const auto& [n, full, median] : expected) {
    EXPECT_EQ(sorting_network(n).size(), full) << n;
    EXPECT_EQ(pruned(sorting_network(n), (n - 1) / 2, n / 2).size(), median) << n;
  }
}

// The comparators of all pieces in turn.
Comparators comparators_of(const std::vector<Piece>& pieces) {
  Comparators all;
  for (const Piece& piece : pieces) {
    const PieceProgram& program = kPiecePrograms[piece.program];
    for (std::size_t step = 0; step < program.size; ++step)
      all.emplace_back(piece.wires[program.steps[step].low], piece.wires[program.steps[step].high]);
  }
  return all;
}

// What each wire meets, in order: equal for networks that do the same.
std::vector<Comparators> by_wire(const Comparators& network, std::size_t n) {
  std::vector<Comparators> wires(n);
  for (const auto& comparator : network)
    for (const std::uint32_t wire : {comparator.first, comparator.second})
      wires[wire].push_back(comparator);
  return wires;
}

TEST(Network, PiecesDoTheSame) {
  for (std::size_t n = 1; n <= 70; ++n)
    for (const auto& [first, last] : {std::pair<std::size_t, std::size_t>{0, n - 1},
                                      {(n - 1) / 2, n / 2},
                                      {n / 5, n - 1 - n / 5}}) {
      const Comparators network = pruned(sorting_network(n), first, last);
      const std::vector<Piece> pieces = pieces_of(network);
      EXPECT_EQ(by_wire(comparators_of(pieces), n), by_wire(network, n)) << n;
      EXPECT_EQ(by_wire(comparators_of(*sorting_pieces(n, first, last)), n), by_wire(network, n));
    }
}

// Wires loaded: two a comparator without pieces, two thirds of that with them.
TEST(Network, PiecesSaveAThird) {
  for (std::size_t n : {10u, 25u, 50u, 100u}) {
    const Comparators network = sorting_network(n);
    std::size_t loaded = 0;
    for (const Piece& piece : pieces_of(network)) loaded += kPiecePrograms[piece.program].wires;
    EXPECT_LT(loaded, 0.72 * 2 * static_cast<double>(network.size())) << n;
  }
}

}  // namespace
}  // namespace shoal
