// Sorting networks: Batcher's merge exchange (Knuth, TAOCP 5.2.2, algorithm M), without the
// comparators that cannot reach a wanted rank, cut into pieces of up to four wires.
//
// A comparator on its own loads and stores two wires for one min and one max, and the stores are
// what takes the time. A piece keeps its wires in registers for up to five comparators, which saves
// a third of the loads and stores of a whole network.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace shoal {

// Compare-exchange pairs (i, j), i < j: the smaller value goes to wire i. Sorts n wires ascending.
using Comparators = std::vector<std::pair<std::uint32_t, std::uint32_t>>;
Comparators sorting_network(std::size_t n);
// The comparators that can change wires first..last, both included.
Comparators pruned(const Comparators& network, std::size_t first_rank, std::size_t last_rank);

// What a piece does to its wires, from the first step to the last.
struct PieceProgram {
  struct Step {
    std::uint8_t low, high;
    bool operator==(const Step&) const = default;
  };
  std::size_t wires = 0;
  std::size_t size = 0;
  std::array<Step, 5> steps{};
};
// Those that save most in the networks of 10 to 50 wires; more of them would save little.
inline constexpr PieceProgram kPiecePrograms[] = {
    {2, 1, {{{0, 1}}}},
    {3, 3, {{{0, 2}, {0, 1}, {1, 2}}}},
    {4, 3, {{{0, 2}, {1, 3}, {1, 2}}}},
    {4, 3, {{{0, 1}, {2, 3}, {1, 2}}}},
    {4, 3, {{{0, 1}, {1, 3}, {2, 3}}}},
    {4, 3, {{{2, 3}, {0, 2}, {1, 2}}}},
    {4, 4, {{{0, 2}, {1, 3}, {0, 1}, {2, 3}}}},
    {4, 5, {{{0, 2}, {1, 3}, {0, 1}, {2, 3}, {1, 2}}}},
};

struct Piece {
  std::size_t program = 0;               // in kPiecePrograms
  std::array<std::uint32_t, 4> wires{};  // increasing; as many as the program has
};

// Pieces that do what the network does: comparators that share a wire keep their order.
std::vector<Piece> pieces_of(const Comparators& network);

// The pieces that leave ranks first..last on their wires, of n; made once for each of the latest
// few arguments. From any thread.
std::shared_ptr<const std::vector<Piece>> sorting_pieces(std::size_t n, std::size_t first_rank,
                                                         std::size_t last_rank);

}  // namespace shoal
