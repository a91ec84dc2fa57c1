#include "shoal/run/own_data.h"

#include <filesystem>
#include <fmt/format.h>

#include "shoal/base/file.h"
#include "shoal/base/toml.h"
#include "shoal/data/source.h"

namespace shoal {
namespace {

namespace fs = std::filesystem;

bool ends_with(const std::string& text, std::string_view end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// The test file is the training file: nothing is held out of a member's own rows.
Table one_file(std::string_view kind, const std::string& path) {
  Table table;
  table.set("kind", std::string(kind));
  table.set("train", path);
  table.set("test", path);
  return table;
}

Table two_files(std::string_view kind, const std::string& features, const std::string& labels) {
  Table table;
  table.set("kind", std::string(kind));
  table.set("train_features", features);
  table.set("train_labels", labels);
  table.set("test_features", features);
  table.set("test_labels", labels);
  return table;
}

Result<Table> table_of_folder(const std::string& path) {
  if (fs::exists(path + "/features.npy") && fs::exists(path + "/labels.npy"))
    return two_files("npy", path + "/features.npy", path + "/labels.npy");
  std::string images, labels;
  for (const auto& entry : fs::directory_iterator(path)) {
    const std::string name = entry.path().filename().string();
    if (name.find("images-idx3-ubyte") != std::string::npos) images = entry.path().string();
    if (name.find("labels-idx1-ubyte") != std::string::npos) labels = entry.path().string();
  }
  if (!images.empty() && !labels.empty()) return two_files("idx", images, labels);
  return not_found(
      fmt::format("{} holds neither features.npy and labels.npy nor IDX images and labels", path));
}

Result<Table> table_of(const std::string& path) {
  if (!fs::exists(path)) return not_found(fmt::format("{} does not exist", path));
  if (fs::is_directory(path)) return table_of_folder(path);
  std::string stem = path;
  if (ends_with(stem, ".gz")) stem.resize(stem.size() - 3);
  if (ends_with(stem, ".csv")) return one_file("csv", path);
  if (ends_with(stem, ".tsv")) {
    Table table = one_file("csv", path);
    table.set("separator", "tab");
    return table;
  }
  if (ends_with(stem, ".svm") || ends_with(stem, ".libsvm")) return one_file("libsvm", path);
  if (ends_with(path, ".toml")) {
    SHOAL_TRY(const std::string text, read_text_file(path));
    return parse_toml(text);
  }
  return invalid_argument(
      fmt::format("{}: own data are .csv, .tsv, .svm, .libsvm, .toml or a folder", path));
}

}  // namespace

Result<Dataset> load_own_rows(const std::string& path) {
  SHOAL_TRY(const Table table, table_of(path));
  SHOAL_TRY(const auto source, data_sources().make(table, path));
  auto task = source->load(0);
  if (!task.ok())
    return task.error().message.starts_with(path) ? task.error() : within(path, task.error());
  if (task->train->rows == 0) return invalid_argument(path + " holds no rows");
  return *task->train;
}

Result<std::shared_ptr<const Dataset>> fit_own_rows(Dataset rows, const Dataset& like) {
  if (rows.features != like.features)
    return invalid_argument(
        fmt::format("your data have {} features a row; the experiment's have {}", rows.features,
                    like.features));
  if (rows.classes > like.classes || (rows.classes == 0) != (like.classes == 0))
    return invalid_argument(fmt::format("your data have {} classes; the experiment's have {}",
                                        rows.classes, like.classes));
  rows.classes = like.classes;
  rows.shape = like.shape;
  return std::shared_ptr<const Dataset>(std::make_shared<Dataset>(std::move(rows)));
}

Experiment without_data(const Experiment& experiment, const Dataset& like) {
  Experiment shared = experiment;
  shared.data = Table();
  shared.data.set("kind", "shape");
  Value::List shape;
  for (const std::uint32_t extent : like.shape) shape.emplace_back(static_cast<double>(extent));
  shared.data.set("shape", std::move(shape));
  shared.data.set("classes", static_cast<std::int64_t>(like.classes));
  return shared;
}

}  // namespace shoal
