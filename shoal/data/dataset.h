// A data set in memory: rows of features with a class label or a real target.
//
// Features are float32, row-major (rows x features). Labels are 0..classes-1; regression sets have
// classes = 0 and hold targets instead. Immutable once made, shared by all nodes of a run.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace shoal {

// Indices of rows in a Dataset.
using Rows = std::vector<std::uint32_t>;

struct Dataset {
  std::string name;
  std::size_t rows = 0;
  std::size_t features = 0;          // product of shape
  std::vector<std::uint32_t> shape;  // of one row: {1, 28, 28}, {30}, ...
  std::size_t classes = 0;           // 0 for regression
  std::vector<float> x;              // rows * features
  std::vector<std::int32_t> labels;  // rows, when classes > 0
  std::vector<float> targets;        // rows, when classes == 0
  std::vector<std::uint32_t> users;  // natural user of each row, when the source has them

  std::span<const float> row(std::size_t index) const {
    return {x.data() + index * features, features};
  }
};

// What a task trains on and is measured on. Test rows are never used to tune.
struct TaskData {
  std::shared_ptr<const Dataset> train;
  std::shared_ptr<const Dataset> test;
};

}  // namespace shoal
