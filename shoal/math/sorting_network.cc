#include "shoal/math/sorting_network.h"

#include <algorithm>
#include <bit>
#include <map>
#include <mutex>
#include <optional>
#include <ranges>
#include <tuple>

#include "shoal/base/check.h"

namespace shoal {
namespace {

constexpr std::size_t kMostSteps = std::tuple_size_v<decltype(PieceProgram::steps)>;

using Wires = std::vector<std::uint32_t>;  // increasing, four at most

Wires joined(Wires wires, std::uint32_t another) {
  wires.insert(std::ranges::lower_bound(wires, another), another);
  return wires;
}

bool disjoint(const PieceProgram::Step& a, const PieceProgram::Step& b) {
  return a.low != b.low && a.low != b.high && a.high != b.low && a.high != b.high;
}

// Neighbours that share no wire in the order of their wires, as in kPiecePrograms.
void put_in_order(PieceProgram& program) {
  const auto before = [](const PieceProgram::Step& a, const PieceProgram::Step& b) {
    return std::pair(a.low, a.high) < std::pair(b.low, b.high);
  };
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t i = 0; i + 1 < program.size; ++i) {
      auto &first = program.steps[i], &second = program.steps[i + 1];
      if (!disjoint(first, second) || !before(second, first)) continue;
      std::swap(first, second);
      changed = true;
    }
  }
}

std::optional<std::size_t> known(const PieceProgram& program) {
  for (std::size_t p = 0; p < std::size(kPiecePrograms); ++p)
    if (kPiecePrograms[p].size == program.size && kPiecePrograms[p].steps == program.steps)
      return p;
  return std::nullopt;
}

class Cutter {
 public:
  explicit Cutter(const Comparators& network) : network_(network), done_(network.size(), false) {
    for (std::uint32_t k = 0; k < network.size(); ++k)
      for (const std::uint32_t wire : {network[k].first, network[k].second}) {
        if (wire >= of_wire_.size()) of_wire_.resize(wire + 1);
        of_wire_[wire].push_back(k);
      }
  }

  std::vector<Piece> cut() {
    std::vector<Piece> pieces;
    for (std::uint32_t first = 0; first < network_.size(); ++first) {
      if (done_[first]) continue;
      const Found best = best_with(first);
      for (const std::uint32_t k : best.comparators) {
        done_[k] = true;
        std::erase(of_wire_[network_[k].first], k);
        std::erase(of_wire_[network_[k].second], k);
      }
      pieces.push_back(best.piece);
    }
    return pieces;
  }

 private:
  struct Found {
    Piece piece;
    std::vector<std::uint32_t> comparators;
    // Loads that the piece saves.
    std::size_t saved() const {
      return 2 * comparators.size() - kPiecePrograms[piece.program].wires;
    }
  };

  // The first comparator left, with those on its wires and on up to two others that save most.
  Found best_with(std::uint32_t first) const {
    const Wires two{network_[first].first, network_[first].second};
    Found best = found_on(two);
    const auto consider = [&](const Wires& wires) {
      Found found = found_on(wires);
      if (found.saved() > best.saved()) best = std::move(found);
    };
    for (const std::uint32_t third : partners(two)) {
      const Wires three = joined(two, third);
      consider(three);
      for (const std::uint32_t fourth : partners(three)) consider(joined(three, fourth));
    }
    return best;
  }

  // Other ends of the next comparators on these wires.
  Wires partners(const Wires& wires) const {
    constexpr std::size_t kNext = 3;
    Wires others;
    for (const std::uint32_t wire : wires) {
      const auto& left = of_wire_[wire];
      for (std::size_t i = 0; i < std::min(kNext, left.size()); ++i) {
        const auto& [low, high] = network_[left[i]];
        const std::uint32_t other = low == wire ? high : low;
        if (std::ranges::find(wires, other) == wires.end() &&
            std::ranges::find(others, other) == others.end())
          others.push_back(other);
      }
    }
    return others;
  }

  // The longest known program of the next comparators within these wires. A wire ends at its first
  // comparator with a wire outside, or with one that has ended.
  Found found_on(const Wires& wires) const {
    std::vector<std::uint32_t> next;
    // One more on each wire than a program has steps: that one ends the wire.
    for (const std::uint32_t wire : wires)
      for (const std::uint32_t k : of_wire_[wire] | std::views::take(kMostSteps + 1))
        next.push_back(k);
    std::ranges::sort(next);
    Wires open = wires;
    std::vector<std::uint32_t> taken;
    for (std::size_t i = 0; i < next.size() && !open.empty() && taken.size() < kMostSteps; ++i) {
      if (i > 0 && next[i] == next[i - 1]) continue;
      const auto& [low, high] = network_[next[i]];
      if (std::ranges::binary_search(open, low) && std::ranges::binary_search(open, high)) {
        taken.push_back(next[i]);
      } else {
        std::erase(open, low);
        std::erase(open, high);
      }
    }
    for (; !taken.empty(); taken.pop_back())
      if (auto piece = piece_of(taken)) return {*piece, taken};
    SHOAL_CHECK(false, "a comparator on its own is a known program");
    return {};
  }

  std::optional<Piece> piece_of(const std::vector<std::uint32_t>& comparators) const {
    Wires used;
    for (const std::uint32_t k : comparators)
      for (const std::uint32_t wire : {network_[k].first, network_[k].second})
        if (!std::ranges::binary_search(used, wire)) used = joined(used, wire);
    const auto place = [&](std::uint32_t wire) {
      return static_cast<std::uint8_t>(std::ranges::lower_bound(used, wire) - used.begin());
    };
    PieceProgram program{used.size(), 0, {}};
    for (const std::uint32_t k : comparators)
      program.steps[program.size++] = {place(network_[k].first), place(network_[k].second)};
    put_in_order(program);
    const auto number = known(program);
    if (!number) return std::nullopt;
    Piece piece{*number, {}};
    std::ranges::copy(used, piece.wires.begin());
    return piece;
  }

  const Comparators& network_;
  std::vector<bool> done_;
  std::vector<std::vector<std::uint32_t>> of_wire_;  // comparators left, in order
};

}  // namespace

Comparators sorting_network(std::size_t n) {
  Comparators network;
  if (n < 2) return network;
  const std::size_t top = std::bit_ceil(n) / 2;
  for (std::size_t p = top; p > 0; p /= 2) {
    std::size_t distance = p, residue = 0;
    for (std::size_t q = top;; q /= 2) {
      for (std::size_t i = 0; i + distance < n; ++i)
        if ((i & p) == residue)
          network.emplace_back(static_cast<std::uint32_t>(i),
                               static_cast<std::uint32_t>(i + distance));
      if (q == p) break;
      distance = q - p;
      residue = p;
    }
  }
  return network;
}

Comparators pruned(const Comparators& network, std::size_t first_rank, std::size_t last_rank) {
  std::size_t wires = last_rank + 1;
  for (const auto& [low, high] : network) wires = std::max<std::size_t>(wires, high + 1);
  std::vector<bool> wanted(wires, false);
  for (std::size_t r = first_rank; r <= last_rank; ++r) wanted[r] = true;
  Comparators kept;
  for (auto it = network.rbegin(); it != network.rend(); ++it) {
    if (!wanted[it->first] && !wanted[it->second]) continue;
    wanted[it->first] = wanted[it->second] = true;
    kept.push_back(*it);
  }
  std::reverse(kept.begin(), kept.end());
  return kept;
}

std::vector<Piece> pieces_of(const Comparators& network) { return Cutter(network).cut(); }

std::shared_ptr<const std::vector<Piece>> sorting_pieces(std::size_t n, std::size_t first_rank,
                                                         std::size_t last_rank) {
  using Key = std::tuple<std::size_t, std::size_t, std::size_t>;
  constexpr std::size_t kHeld = 64;
  static std::mutex mutex;
  static std::map<Key, std::shared_ptr<const std::vector<Piece>>> held;
  const Key key(n, first_rank, last_rank);
  {
    const std::lock_guard lock(mutex);
    if (const auto found = held.find(key); found != held.end()) return found->second;
  }
  auto made = std::make_shared<const std::vector<Piece>>(
      pieces_of(pruned(sorting_network(n), first_rank, last_rank)));
  const std::lock_guard lock(mutex);
  if (held.size() >= kHeld) held.clear();
  return held.emplace(key, std::move(made)).first->second;
}

}  // namespace shoal
