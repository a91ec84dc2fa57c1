// What partitioners share: rows by class, cuts by proportions, drawing classes that run out.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "shoal/base/random.h"
#include "shoal/data/partition.h"

namespace shoal {

using PartitionerEntry = CatalogueEntry<Partitioner>;

// The stream that partitioner `what` draws from, for one node or class.
inline RandomStream partition_stream(std::uint64_t seed, std::string_view what,
                                     std::uint32_t index = 0) {
  return RandomStream(seed, purpose(std::string("partition ") + std::string(what)), index);
}

// An error unless 1 <= nodes <= rows.
Status check_nodes(const Dataset& data, std::size_t nodes);
// An error unless the set has classes.
Status check_classes(const Dataset& data, const char* partitioner);

// Row ids of each class, shuffled within the class.
std::vector<Rows> shuffled_rows_by_class(const Dataset& data, std::uint64_t seed);

// Shuffles each node's list with a stream of its own.
void shuffle_nodes(std::vector<Rows>& nodes, std::uint64_t seed);

// Sizes of n parts of `total`: the first (total mod n) get one more.
std::vector<std::size_t> equal_sizes(std::size_t total, std::size_t parts);
// Sizes of parts of `total` by proportions that sum to 1: cuts at floor(cumulated sum * total) in
// double, the last cut forced to `total`, so that no row is lost.
std::vector<std::size_t> sizes_by_proportions(std::span<const double> proportions,
                                              std::size_t total);
// Consecutive pieces of `rows` of these sizes.
std::vector<Rows> cut(const Rows& rows, std::span<const std::size_t> sizes);
// All rows in a random order, cut into pieces of these sizes.
std::vector<Rows> cut_shuffled(std::size_t rows, std::span<const std::size_t> sizes,
                               RandomStream& stream);
// The IID partition: all rows in a random order, in equal parts.
std::vector<Rows> iid_rows(const Dataset& data, std::size_t nodes, std::uint64_t seed);

// Draws an index with probability proportional to exp(log_weight) among those still open. Weights
// are kept as logarithms, so that what is left keeps its proportions however small it is.
class OpenDraw {
 public:
  explicit OpenDraw(std::vector<double> log_weights);
  // Of Dirichlet(alpha).
  static OpenDraw dirichlet(std::span<const double> alpha, RandomStream& stream);

  void close(std::size_t index);
  bool is_open(std::size_t index) const { return open_[index]; }
  bool any_open() const { return open_count_ > 0; }
  std::size_t draw(RandomStream& stream) const;

 private:
  void renormalise();

  std::vector<double> log_weights_;
  std::vector<bool> open_;
  std::size_t open_count_;
  std::vector<double> cumulated_;
};

// Whether every row goes to some node, or nodes get equal floor sizes and the rest is left out.
enum class Cover { kEveryRow, kFloor };
void describe_cover(Settings& settings, Cover& cover);
std::vector<std::size_t> cover_sizes(std::size_t rows, std::size_t nodes, Cover cover);

// Makes a Partitioner of settings and a function of them.
template <class S>
using SplitFunction = Result<Partition> (*)(const S&, std::shared_ptr<const Dataset>, std::size_t,
                                            std::uint64_t);

template <class S, SplitFunction<S> kSplit>
class FunctionPartitioner : public Partitioner {
 public:
  explicit FunctionPartitioner(const S& settings) : settings_(settings) {}
  Result<Partition> split(std::shared_ptr<const Dataset> data, std::size_t nodes,
                          std::uint64_t seed) const override {
    return kSplit(settings_, std::move(data), nodes, seed);
  }

 private:
  S settings_;
};

template <class S, SplitFunction<S> kSplit>
Result<std::unique_ptr<Partitioner>> make_partitioner(const S& settings) {
  return std::unique_ptr<Partitioner>(std::make_unique<FunctionPartitioner<S, kSplit>>(settings));
}

template <class S, SplitFunction<S> kSplit>
PartitionerEntry partitioner_entry(std::string name, std::string summary, std::string paper) {
  return catalogue_entry<Partitioner, S>(std::move(name), std::move(summary), std::move(paper),
                                         &make_partitioner<S, kSplit>);
}

}  // namespace shoal
