#include "shoal/data/partition_tools.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "shoal/base/check.h"
#include "shoal/base/portable_math.h"

namespace shoal {

Status check_nodes(const Dataset& data, std::size_t nodes) {
  if (nodes < 1) return invalid_argument("a partition needs at least 1 node");
  if (nodes > data.rows)
    return invalid_argument(
        fmt::format("{} nodes but {} rows: use fewer nodes, more data, or the "
                    "partition 'resample'",
                    nodes, data.rows));
  return ok_status();
}

Status check_classes(const Dataset& data, const char* partitioner) {
  if (data.classes == 0)
    return invalid_argument(fmt::format("the partition '{}' needs class labels, and {} has none",
                                        partitioner, data.name));
  return ok_status();
}

std::vector<Rows> shuffled_rows_by_class(const Dataset& data, std::uint64_t seed) {
  std::vector<Rows> rows(data.classes);
  for (std::size_t row = 0; row < data.rows; ++row)
    rows[static_cast<std::size_t>(data.labels[row])].push_back(static_cast<std::uint32_t>(row));
  for (std::size_t c = 0; c < rows.size(); ++c) {
    auto stream = partition_stream(seed, "shuffle of a class", static_cast<std::uint32_t>(c));
    stream.shuffle(std::span(rows[c]));
  }
  return rows;
}

void shuffle_nodes(std::vector<Rows>& nodes, std::uint64_t seed) {
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    auto stream = partition_stream(seed, "shuffle of a node", static_cast<std::uint32_t>(i));
    stream.shuffle(std::span(nodes[i]));
  }
}

std::vector<std::size_t> equal_sizes(std::size_t total, std::size_t parts) {
  std::vector<std::size_t> sizes(parts, total / parts);
  for (std::size_t i = 0; i < total % parts; ++i) ++sizes[i];
  return sizes;
}

std::vector<std::size_t> sizes_by_proportions(std::span<const double> proportions,
                                              std::size_t total) {
  std::vector<std::size_t> sizes;
  double sum = 0.0;
  std::size_t previous = 0;
  for (std::size_t i = 0; i < proportions.size(); ++i) {
    sum += proportions[i];
    auto end = static_cast<std::size_t>(std::floor(sum * static_cast<double>(total)));
    end = i + 1 == proportions.size() ? total : std::clamp(end, previous, total);
    sizes.push_back(end - previous);
    previous = end;
  }
  return sizes;
}

std::vector<Rows> cut(const Rows& rows, std::span<const std::size_t> sizes) {
  std::vector<Rows> pieces;
  pieces.reserve(sizes.size());
  auto begin = rows.begin();
  for (const std::size_t size : sizes) {
    SHOAL_CHECK(size <= static_cast<std::size_t>(rows.end() - begin), "a cut behind the last row");
    pieces.emplace_back(begin, begin + static_cast<std::ptrdiff_t>(size));
    begin += static_cast<std::ptrdiff_t>(size);
  }
  return pieces;
}

std::vector<Rows> cut_shuffled(std::size_t rows, std::span<const std::size_t> sizes,
                               RandomStream& stream) {
  return cut(stream.permutation(rows), sizes);
}

std::vector<Rows> iid_rows(const Dataset& data, std::size_t nodes, std::uint64_t seed) {
  auto stream = partition_stream(seed, "iid");
  return cut_shuffled(data.rows, equal_sizes(data.rows, nodes), stream);
}

OpenDraw::OpenDraw(std::vector<double> log_weights)
    : log_weights_(std::move(log_weights)),
      open_(log_weights_.size(), true),
      open_count_(log_weights_.size()),
      cumulated_(log_weights_.size()) {
  renormalise();
}

OpenDraw OpenDraw::dirichlet(std::span<const double> alpha, RandomStream& stream) {
  std::vector<double> log_weights;
  for (const double value : alpha) log_weights.push_back(stream.log_gamma_draw(value));
  return OpenDraw(std::move(log_weights));
}

void OpenDraw::close(std::size_t index) {
  if (!open_[index]) return;
  open_[index] = false;
  --open_count_;
  renormalise();
}

void OpenDraw::renormalise() {
  if (open_count_ == 0) return;
  double largest = 0.0;
  bool first = true;
  for (std::size_t i = 0; i < open_.size(); ++i)
    if (open_[i] && (first || log_weights_[i] > largest)) {
      largest = log_weights_[i];
      first = false;
    }
  double sum = 0.0;
  for (std::size_t i = 0; i < open_.size(); ++i) {
    if (open_[i]) sum += portable_exp(log_weights_[i] - largest);
    cumulated_[i] = sum;
  }
}

std::size_t OpenDraw::draw(RandomStream& stream) const {
  SHOAL_CHECK(open_count_ > 0, "a draw from nothing");
  const double at = stream.uniform() * cumulated_.back();
  auto index = static_cast<std::size_t>(std::upper_bound(cumulated_.begin(), cumulated_.end(), at) -
                                        cumulated_.begin());
  // Rounding may put `at` on the total itself: take the last open one.
  if (index == open_.size()) --index;
  while (!open_[index]) --index;
  return index;
}

void describe_cover(Settings& settings, Cover& cover) {
  settings.choice("cover", cover,
                  "every_row: sizes differ by at most 1; floor: equal sizes, the rest is left out",
                  {{"every_row", Cover::kEveryRow}, {"floor", Cover::kFloor}});
}

std::vector<std::size_t> cover_sizes(std::size_t rows, std::size_t nodes, Cover cover) {
  if (cover == Cover::kEveryRow) return equal_sizes(rows, nodes);
  return std::vector<std::size_t>(nodes, rows / nodes);
}

}  // namespace shoal
