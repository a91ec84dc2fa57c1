// Data sets by name: files on this machine, or problems made from a seed.
#pragma once

#include <cstdint>

#include "shoal/base/catalogue.h"
#include "shoal/data/dataset.h"

namespace shoal {

class DataSource {
 public:
  virtual ~DataSource() = default;
  // Train and test rows. Files ignore the seed; made problems are drawn from it. A missing file is
  // an error that says which package or setting brings it.
  virtual Result<TaskData> load(std::uint64_t seed) const = 0;
};

const Catalogue<DataSource>& data_sources();

}  // namespace shoal
