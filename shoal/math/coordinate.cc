#include "shoal/math/coordinate.h"

#include <algorithm>
#include <array>
#include <hwy/aligned_allocator.h>

#include "shoal/base/check.h"
#include "shoal/math/sorting_network.h"

#ifndef SHOAL_MATH_COORDINATE_ONCE
#define SHOAL_MATH_COORDINATE_ONCE
namespace shoal {

// A sorted block and what to take of each column: the n - dropped values nearest to the mean of the
// ranks first..last.
struct NearCentre {
  const float* values = nullptr;
  std::size_t n = 0;
  std::size_t stride = 0;
  std::size_t first = 0;
  std::size_t last = 0;
  std::size_t dropped = 0;
};

}  // namespace shoal
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "shoal/math/coordinate.cc"
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "shoal/math/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace shoal::HWY_NAMESPACE {

// Copies row[0..count) to `to` and fills up to `width` with zeros; -0 becomes +0.
void load_block_kernel(const float* row, std::size_t count, std::size_t width, float* to) {
  const FloatTag d;
  const FloatVec zero = hn::Zero(d);
  std::size_t c = 0;
  for (; c + kFloatStep <= count; c += kFloatStep)
    hn::StoreU(hn::Add(hn::LoadU(d, row + c), zero), d, to + c);
  for (; c < count; ++c) to[c] = row[c] + 0.0f;
  for (; c < width; ++c) to[c] = 0.0f;
}

template <std::size_t kProgram, std::size_t kStep>
HWY_INLINE void take_steps(FloatVec* wires) {
  constexpr const PieceProgram& program = kPiecePrograms[kProgram];
  if constexpr (kStep < program.size) {
    FloatVec& low = wires[program.steps[kStep].low];
    FloatVec& high = wires[program.steps[kStep].high];
    const FloatVec least = hn::Min(low, high);
    high = hn::Max(low, high);
    low = least;
    take_steps<kProgram, kStep + 1>(wires);
  }
}

// One piece over wires of `width` floats, a multiple of 16.
template <std::size_t kProgram>
void run_piece(const Piece& piece, float* const* wires, std::size_t width) {
  constexpr std::size_t kWires = kPiecePrograms[kProgram].wires;
  const FloatTag d;
  float* at[kWires];
  for (std::size_t w = 0; w < kWires; ++w) at[w] = wires[piece.wires[w]];
  for (std::size_t c = 0; c < width; c += kFloatStep) {
    FloatVec values[kWires];
    for (std::size_t w = 0; w < kWires; ++w) values[w] = hn::Load(d, at[w] + c);
    take_steps<kProgram, 0>(values);
    for (std::size_t w = 0; w < kWires; ++w) hn::Store(values[w], d, at[w] + c);
  }
}

using RunPiece = void (*)(const Piece&, float* const*, std::size_t);
template <std::size_t... kPrograms>
constexpr std::array<RunPiece, sizeof...(kPrograms)> all_programs(
    std::index_sequence<kPrograms...>) {
  return {&run_piece<kPrograms>...};
}
constexpr auto kRunPiece = all_programs(std::make_index_sequence<std::size(kPiecePrograms)>());

// Runs the network. Meanwhile it asks memory for the next block, `ahead` floats from each row of
// `next`: otherwise loading takes as long as sorting.
void exchange_kernel(std::span<const Piece> pieces, std::span<float* const> wires,
                     std::size_t width, std::span<const float* const> next, std::size_t ahead) {
  ReadAhead read_ahead(next.data(), next.size(), ahead, pieces.size());
  for (const Piece& piece : pieces) {
    read_ahead.step();
    kRunPiece[piece.program](piece, wires.data(), width);
  }
}

// out[c] = (sum of `ranks` wires at c, in order) / ranks, for count <= width coordinates; sixteen
// sums at a time, so that one addition need not wait for the last.
void mean_of_ranks_kernel(const float* first, std::size_t ranks, std::size_t width,
                          std::size_t count, float* out) {
  const DoubleTag d;
  const hn::Rebind<float, DoubleTag> narrow;
  const DoubleVec divisor = hn::Set(d, static_cast<double>(ranks));
  for (std::size_t c = 0; c < count; c += kLanes) {
    DoubleVec sums[kDoubleGroups];
    for (std::size_t g = 0; g < kDoubleGroups; ++g) sums[g] = hn::Zero(d);
    for (std::size_t r = 0; r < ranks; ++r)
      for (std::size_t g = 0; g < kDoubleGroups; ++g)
        sums[g] = hn::Add(sums[g], load_as_double(first + r * width + c + g * kDoubleStep));
    float means[kLanes];
    float* to = c + kLanes <= count ? out + c : means;
    for (std::size_t g = 0; g < kDoubleGroups; ++g)
      hn::StoreU(hn::DemoteTo(narrow, hn::Div(sums[g], divisor)), narrow, to + g * kDoubleStep);
    if (to == means) std::copy(means, means + (count - c), out + c);
  }
}

HWY_INLINE DoubleVec rank_at(const NearCentre& block, std::size_t rank, std::size_t column) {
  return load_as_double(block.values + rank * block.stride + column);
}

// How far the window moves up from the lowest values, for each of sixteen columns: its steps are
// taken in order and none after one refused, so counting the agreeable ones is enough.
HWY_INLINE void window_starts(const NearCentre& block, std::size_t column, DoubleVec* starts) {
  const DoubleTag d;
  const std::size_t kept = block.n - block.dropped;
  const DoubleVec count = hn::Set(d, static_cast<double>(block.last - block.first + 1));
  const DoubleVec one = hn::Set(d, 1.0);
  for (std::size_t g = 0; g < kDoubleGroups; ++g) {
    const std::size_t at = column + g * kDoubleStep;
    DoubleVec centre = hn::Zero(d);
    for (std::size_t r = block.first; r <= block.last; ++r)
      centre = hn::Add(centre, rank_at(block, r, at));
    centre = hn::Div(centre, count);
    DoubleVec start = hn::Zero(d);
    for (std::size_t s = 0; s < block.dropped; ++s) {
      const DoubleVec above = hn::Sub(rank_at(block, s + kept, at), centre);
      const DoubleVec below = hn::Sub(centre, rank_at(block, s, at));
      start = hn::Add(start, hn::IfThenElseZero(hn::Lt(above, below), one));
    }
    starts[g] = start;
  }
}

// out[c] = mean of the window of column c: ranks start..start+kept-1.
void mean_near_centre_kernel(const NearCentre& block, std::size_t count, float* out) {
  const DoubleTag d;
  const hn::Rebind<float, DoubleTag> narrow;
  const std::size_t kept = block.n - block.dropped;
  const DoubleVec divisor = hn::Set(d, static_cast<double>(kept));
  for (std::size_t c = 0; c < count; c += kLanes) {
    DoubleVec starts[kDoubleGroups], sums[kDoubleGroups];
    window_starts(block, c, starts);
    for (std::size_t g = 0; g < kDoubleGroups; ++g) sums[g] = hn::Zero(d);
    for (std::size_t r = 0; r < block.n; ++r) {
      const DoubleVec rank = hn::Set(d, static_cast<double>(r));
      const DoubleVec beyond = hn::Set(d, static_cast<double>(r) - static_cast<double>(kept));
      for (std::size_t g = 0; g < kDoubleGroups; ++g) {
        DoubleVec value = rank_at(block, r, c + g * kDoubleStep);
        if (r < block.dropped) value = hn::IfThenElseZero(hn::Le(starts[g], rank), value);
        if (r >= kept) value = hn::IfThenElseZero(hn::Gt(starts[g], beyond), value);
        sums[g] = hn::Add(sums[g], value);
      }
    }
    float means[kLanes];
    float* to = c + kLanes <= count ? out + c : means;
    for (std::size_t g = 0; g < kDoubleGroups; ++g)
      hn::StoreU(hn::DemoteTo(narrow, hn::Div(sums[g], divisor)), narrow, to + g * kDoubleStep);
    if (to == means) std::copy(means, means + (count - c), out + c);
  }
}

}  // namespace shoal::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace shoal {

HWY_EXPORT(load_block_kernel);
HWY_EXPORT(exchange_kernel);
HWY_EXPORT(mean_of_ranks_kernel);
HWY_EXPORT(mean_near_centre_kernel);

namespace {

constexpr std::size_t kJobCoordinates = 16384;
// Wires of one block stay within this many floats (the first-level cache) down to kLeastWidth
// coordinates: shorter stretches of each row cost more than the second level does.
constexpr std::size_t kBlockFloats = 6400;
constexpr std::size_t kLeastWidth = 64, kMostWidth = 256;

std::size_t block_width(std::size_t n) {
  return std::clamp(kBlockFloats / n / 16 * 16, kLeastWidth, kMostWidth);
}

// The wires of one coordinate, selected scalar: for very many rows.
void select_column(std::span<const Row> rows, std::size_t coordinate, std::size_t first_rank,
                   std::size_t last_rank, std::vector<float>& column) {
  for (std::size_t i = 0; i < rows.size(); ++i) column[i] = rows[i][coordinate] + 0.0f;
  const auto first = column.begin() + static_cast<std::ptrdiff_t>(first_rank);
  const auto last = column.begin() + static_cast<std::ptrdiff_t>(last_rank);
  std::nth_element(column.begin(), first, column.end());
  if (last != first) std::nth_element(first + 1, last, column.end());
  std::sort(first, last);
}

// Scratch of one job: the wires of a block and where each row's next block begins.
struct Scratch {
  Scratch(std::size_t n, std::size_t width)
      : wires(hwy::AllocateAligned<float>(n * width)), next(n) {
    std::fill_n(wires.get(), n * width, 0.0f);
    for (std::size_t i = 0; i < n; ++i) wire_at.push_back(wires.get() + i * width);
  }
  // Aligned: a vector that crosses cache lines costs twice.
  hwy::AlignedFreeUniquePtr<float[]> wires;
  std::vector<float*> wire_at;
  std::vector<const float*> next;
};

void sort_block(std::span<const Row> rows, std::span<const Piece> network, std::size_t first_rank,
                std::size_t last_rank, const SortedBlock& block, Scratch& scratch) {
  const std::size_t n = rows.size();
  float* wires = scratch.wires.get();
  if (n <= kNetworkRows) {
    const std::size_t end = block.begin + block.count;
    const std::size_t ahead = std::min(block.stride, rows.front().size() - end);
    for (std::size_t i = 0; i < n; ++i) {
      HWY_DYNAMIC_DISPATCH(load_block_kernel)
      (rows[i].data() + block.begin, block.count, block.stride, wires + i * block.stride);
      scratch.next[i] = rows[i].data() + end;
    }
    HWY_DYNAMIC_DISPATCH(exchange_kernel)
    (network, scratch.wire_at, block.stride, scratch.next, ahead);
    return;
  }
  std::vector<float> column(n);
  for (std::size_t c = 0; c < block.count; ++c) {
    select_column(rows, block.begin + c, first_rank, last_rank, column);
    for (std::size_t r = first_rank; r <= last_rank; ++r) wires[r * block.stride + c] = column[r];
  }
}

}  // namespace

void for_each_sorted_block(std::span<const Row> rows, std::size_t first_rank, std::size_t last_rank,
                           const std::function<void(const SortedBlock&)>& visit, ThreadPool* pool) {
  const std::size_t n = rows.size();
  SHOAL_CHECK(first_rank <= last_rank && last_rank < n, "ranks lie within the rows");
  const std::size_t dimension = rows.front().size();
  for (const Row row : rows) SHOAL_CHECK(row.size() == dimension, "rows have equal length");
  const auto network = n <= kNetworkRows ? sorting_pieces(n, first_rank, last_rank)
                                         : std::make_shared<const std::vector<Piece>>();
  const std::size_t width = block_width(n);
  const auto job = [&](std::size_t k) {
    Scratch scratch(n, width);
    const std::size_t end = std::min(dimension, (k + 1) * kJobCoordinates);
    for (std::size_t begin = k * kJobCoordinates; begin < end; begin += width) {
      const SortedBlock block{begin, std::min(width, end - begin), width, scratch.wires.get()};
      sort_block(rows, *network, first_rank, last_rank, block, scratch);
      visit(block);
    }
  };
  const std::size_t jobs = (dimension + kJobCoordinates - 1) / kJobCoordinates;
  for_each_block(pool, jobs, job);
}

void coordinate_trimmed_mean(std::span<const Row> rows, std::size_t trim, std::span<float> out,
                             ThreadPool* pool) {
  SHOAL_CHECK(rows.size() > 2 * trim, "a trimmed mean keeps at least one row");
  SHOAL_CHECK(rows.front().size() == out.size(), "the result is as long as the rows");
  const std::size_t kept = rows.size() - 2 * trim;
  for_each_sorted_block(
      rows, trim, rows.size() - 1 - trim,
      [&](const SortedBlock& block) {
        HWY_DYNAMIC_DISPATCH(mean_of_ranks_kernel)
        (block.rank(trim), kept, block.stride, block.count, out.data() + block.begin);
      },
      pool);
}

namespace {

// Ranks first..last make the centre.
void mean_near_centre(std::span<const Row> rows, std::size_t first, std::size_t last,
                      std::size_t dropped, std::span<float> out, ThreadPool* pool) {
  SHOAL_CHECK(dropped < rows.size(), "a mean near a centre keeps at least one row");
  SHOAL_CHECK(rows.front().size() == out.size(), "the result is as long as the rows");
  for_each_sorted_block(
      rows, 0, rows.size() - 1,
      [&](const SortedBlock& block) {
        const NearCentre near{block.values, rows.size(), block.stride, first, last, dropped};
        HWY_DYNAMIC_DISPATCH(mean_near_centre_kernel)(near, block.count, out.data() + block.begin);
      },
      pool);
}

}  // namespace

void coordinate_mean_around_median(std::span<const Row> rows, std::size_t dropped,
                                   std::span<float> out, ThreadPool* pool) {
  SHOAL_CHECK(!rows.empty(), "the median of no rows");
  mean_near_centre(rows, (rows.size() - 1) / 2, rows.size() / 2, dropped, out, pool);
}

void coordinate_phocas(std::span<const Row> rows, std::size_t trim, std::span<float> out,
                       ThreadPool* pool) {
  SHOAL_CHECK(rows.size() > 2 * trim, "a trimmed mean keeps at least one row");
  mean_near_centre(rows, trim, rows.size() - 1 - trim, trim, out, pool);
}

void coordinate_median(std::span<const Row> rows, std::span<float> out, ThreadPool* pool) {
  SHOAL_CHECK(!rows.empty(), "the median of no rows");
  coordinate_trimmed_mean(rows, (rows.size() - 1) / 2, out, pool);
}

}  // namespace shoal
#endif  // HWY_ONCE
