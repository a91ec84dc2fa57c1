// Partitions: how one data set becomes the data of n nodes.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "shoal/base/catalogue.h"
#include "shoal/data/dataset.h"

namespace shoal {

struct Partition {
  // The data the rows index: the given set, or a transformed copy under feature or concept skew.
  std::shared_ptr<const Dataset> data;
  std::vector<Rows> nodes;  // row ids of each node; a node may be empty, and is then never sampled
  // Rows of each node whose labels it must not use (open-world lists); empty for all other kinds.
  std::vector<Rows> unlabelled = {};
};

class Partitioner {
 public:
  virtual ~Partitioner() = default;
  virtual Result<Partition> split(std::shared_ptr<const Dataset> data, std::size_t nodes,
                                  std::uint64_t seed) const = 0;
};

const Catalogue<Partitioner>& partitioners();

}  // namespace shoal
