// What the sources that read files have in common: making a Dataset of features and labels, class
// numbers, holding rows out, scaling.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "shoal/base/settings.h"
#include "shoal/data/dataset.h"
#include "shoal/data/typed_array.h"

namespace shoal {

inline constexpr std::size_t kMaxClasses = 65536;
inline constexpr std::uint64_t kMaxRows = 0xffffffffu;

// What labels are.
enum class Target { kClass, kReal };

// Settings of every source that reads files.
struct FileTaskSettings {
  double test_fraction = 0.2;
  std::int64_t split_seed = 0;
  bool standardise = false;
  std::int64_t train_rows = 0;
  std::int64_t test_rows = 0;
};
void describe(Settings& settings, FileTaskSettings& values);

// The features of a file, as rows, with one number a row to learn.
struct LabelledRows {
  std::size_t rows = 0;
  std::vector<std::uint32_t> shape;  // of one row
  std::vector<float> x;
  std::vector<float> y;
};

// Rows from an array whose first dimension counts them, multiplied by `factor`, and their labels.
Result<LabelledRows> labelled_rows(const TypedArray& features, const TypedArray& labels,
                                   double factor);

// Makes the task: class numbers are the sorted distinct labels of the training file; a label that
// only the test file has is an error. Without a test file, test_fraction of the rows are held out,
// stratified by class, by a shuffle keyed by split_seed and not by the run's seed. Row limits take
// rows from the front, after that.
Result<TaskData> make_file_task(const std::string& name, Target target, LabelledRows train,
                                std::optional<LabelledRows> test, const FileTaskSettings& settings);

// The folder of small data files: `folder` when given, else $SHOAL_DATA_DIR, else the build's.
std::string data_folder(const std::string& folder);

}  // namespace shoal
