// For the tests of partitions: a toy data set, and splitting by name.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "shoal/base/random.h"
#include "shoal/data/partition.h"

namespace shoal {

// Rows of 1 x 4 x 4 pixels in [0, 1); labels 0..classes-1 in turn, users 0..users-1 in turn.
inline std::shared_ptr<const Dataset> toy_images(std::size_t rows, std::size_t classes,
                                                 std::size_t users) {
  auto data = std::make_shared<Dataset>();
  data->name = "toy";
  data->rows = rows;
  data->features = 16;
  data->shape = {1, 4, 4};
  data->classes = classes;
  RandomStream stream(1, purpose("toy images"));
  for (std::size_t i = 0; i < rows * 16; ++i)
    data->x.push_back(static_cast<float>(stream.uniform()));
  for (std::size_t row = 0; row < rows; ++row) {
    data->labels.push_back(static_cast<std::int32_t>(row % classes));
    data->users.push_back(static_cast<std::uint32_t>(row % users));
  }
  return data;
}

inline Result<Partition> split_by(const char* kind,
                                  const std::vector<std::pair<const char*, Value>>& settings,
                                  std::shared_ptr<const Dataset> data, std::size_t nodes,
                                  std::uint64_t seed) {
  Table table;
  table.set("kind", kind);
  for (const auto& [name, value] : settings) table.set(name, value);
  SHOAL_TRY(const auto partitioner, partitioners().make(table, "[partition]"));
  return partitioner->split(std::move(data), nodes, seed);
}

}  // namespace shoal
