#include "shoal/data/file_source.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fmt/format.h>

#include "shoal/data/held_out.h"

#ifndef SHOAL_DEFAULT_DATA_DIR
#define SHOAL_DEFAULT_DATA_DIR "data"
#endif

namespace shoal {
namespace {

Status check_rows(const LabelledRows& rows) {
  if (rows.rows == 0) return invalid_argument("the file has no rows");
  if (rows.rows > kMaxRows)
    return limit_exceeded(fmt::format("{} rows; at most {} are read", rows.rows, kMaxRows));
  for (const float value : rows.x)
    if (!std::isfinite(value)) return corrupt("the features hold a value that is not finite");
  for (const float value : rows.y)
    if (!std::isfinite(value)) return corrupt("the labels hold a value that is not finite");
  return ok_status();
}

Dataset features_of(const std::string& name, LabelledRows&& rows) {
  Dataset data;
  data.name = name;
  data.rows = rows.rows;
  data.features = rows.x.size() / rows.rows;
  data.shape = std::move(rows.shape);
  data.x = std::move(rows.x);
  return data;
}

// The distinct labels in increasing order: class c is the c-th of them.
Result<std::vector<float>> class_values(const std::vector<float>& labels) {
  std::vector<float> values = labels;
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  for (const float value : values)
    if (value != std::floor(value))
      return corrupt(fmt::format("the label {} is no whole number: a class is expected", value));
  if (values.size() < 2) return corrupt("all rows have the same label");
  if (values.size() > kMaxClasses)
    return limit_exceeded(fmt::format("{} different labels; at most {} classes are supported",
                                      values.size(), kMaxClasses));
  return values;
}

Status set_classes(Dataset& data, const std::vector<float>& y, const std::vector<float>& values) {
  data.classes = values.size();
  data.labels.reserve(y.size());
  for (const float label : y) {
    const auto found = std::lower_bound(values.begin(), values.end(), label);
    if (found == values.end() || *found != label)
      return corrupt(fmt::format("the test rows have a label {} that no training row has", label));
    data.labels.push_back(static_cast<std::int32_t>(found - values.begin()));
  }
  return ok_status();
}

void keep_front(Dataset& data, std::int64_t count) {
  const auto rows = static_cast<std::size_t>(count);
  if (count == 0 || rows >= data.rows) return;
  Rows front(rows);
  for (std::size_t i = 0; i < rows; ++i) front[i] = static_cast<std::uint32_t>(i);
  data = take_rows(data, front);
}

TaskData finish(Dataset train, Dataset test, const FileTaskSettings& settings) {
  keep_front(train, settings.train_rows);
  keep_front(test, settings.test_rows);
  if (settings.standardise) standardise(train, test);
  return TaskData{std::make_shared<Dataset>(std::move(train)),
                  std::make_shared<Dataset>(std::move(test))};
}

}  // namespace

void describe(Settings& settings, FileTaskSettings& values) {
  settings.real("test_fraction", values.test_fraction,
                "fraction of the rows held out when there is no test file",
                {.range = above(0).below(1)});
  settings.integer("split_seed", values.split_seed,
                   "key of the shuffle that holds rows out; not the run's seed, so that runs with "
                   "other seeds are measured on the same rows",
                   {.range = at_least(0)});
  settings.flag("standardise", values.standardise,
                "subtract the training mean of each feature and divide by its deviation");
  settings.integer("train_rows", values.train_rows, "training rows kept, from the front; 0: all",
                   {.range = at_least(0), .unit = "rows"});
  settings.integer("test_rows", values.test_rows, "test rows kept, from the front; 0: all",
                   {.range = at_least(0), .unit = "rows"});
}

Result<LabelledRows> labelled_rows(const TypedArray& features, const TypedArray& labels,
                                   double factor) {
  if (features.shape.size() < 2)
    return corrupt("the features need two dimensions or more: rows, then the shape of one row");
  const std::uint64_t rows = features.shape[0];
  if (labels.size() != rows)
    return corrupt(fmt::format("{} rows of features but {} labels", rows, labels.size()));
  LabelledRows out;
  out.rows = rows;
  for (std::size_t d = 1; d < features.shape.size(); ++d) {
    if (features.shape[d] == 0 || features.shape[d] > kMaxRows)
      return corrupt(fmt::format("dimension {} of the features is {}", d, features.shape[d]));
    out.shape.push_back(static_cast<std::uint32_t>(features.shape[d]));
  }
  out.x.resize(features.size());
  to_floats(features, factor, out.x);
  out.y.resize(labels.size());
  to_floats(labels, 1.0, out.y);
  return out;
}

Result<TaskData> make_file_task(const std::string& name, Target target, LabelledRows train,
                                std::optional<LabelledRows> test,
                                const FileTaskSettings& settings) {
  SHOAL_TRY_STATUS(check_rows(train));
  if (test) SHOAL_TRY_STATUS(check_rows(*test));
  if (test && test->x.size() / test->rows != train.x.size() / train.rows)
    return corrupt(fmt::format("{} features in the training rows but {} in the test rows",
                               train.x.size() / train.rows, test->x.size() / test->rows));
  std::vector<float> classes;
  if (target == Target::kClass) {
    SHOAL_TRY(classes, class_values(train.y));
  }
  const auto to_dataset = [&](LabelledRows&& rows) -> Result<Dataset> {
    const std::vector<float> y = std::move(rows.y);
    Dataset data = features_of(name, std::move(rows));
    if (target == Target::kClass)
      SHOAL_TRY_STATUS(set_classes(data, y, classes));
    else
      data.targets = y;
    return data;
  };
  SHOAL_TRY(Dataset training, to_dataset(std::move(train)));
  if (!test) {
    SHOAL_TRY(const SplitRows split,
              stratified_split(training, settings.test_fraction,
                               static_cast<std::uint64_t>(settings.split_seed)));
    return finish(take_rows(training, split.train), take_rows(training, split.test), settings);
  }
  SHOAL_TRY(Dataset testing, to_dataset(std::move(*test)));
  return finish(std::move(training), std::move(testing), settings);
}

std::string data_folder(const std::string& folder) {
  if (!folder.empty()) return folder;
  if (const char* given = std::getenv("SHOAL_DATA_DIR"); given && *given) return given;
  return SHOAL_DEFAULT_DATA_DIR;
}

}  // namespace shoal
