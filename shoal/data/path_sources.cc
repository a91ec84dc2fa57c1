// Data from files that the experiment names: IDX, CSV, NPY, LIBSVM and LEAF JSON.
#include <algorithm>
#include <fmt/format.h>

#include "shoal/data/csv_reader.h"
#include "shoal/data/file_source.h"
#include "shoal/data/held_out.h"
#include "shoal/data/idx_reader.h"
#include "shoal/data/leaf_json.h"
#include "shoal/data/libsvm_reader.h"
#include "shoal/data/npy_reader.h"
#include "shoal/data/source_entries.h"

namespace shoal {
namespace {

using MadeSource = Result<std::unique_ptr<DataSource>>;

// A source that is one function of its settings.
template <class S, Result<TaskData> (*kLoad)(const S&)>
class PathSource : public DataSource {
 public:
  explicit PathSource(const S& settings) : settings_(settings) {}
  Result<TaskData> load(std::uint64_t) const override { return kLoad(settings_); }

 private:
  S settings_;
};

// IDX and NPY: arrays of features and of labels in files of their own.
struct ArraySettings {
  std::string train_features;
  std::string train_labels;
  std::string test_features;
  std::string test_labels;
  double divide_by = 1.0;
  Target target = Target::kClass;
  FileTaskSettings task;
};

void describe_target(Settings& settings, Target& target) {
  settings.choice("target", target, "what is learnt: a class (whole numbers) or a real number",
                  {{"class", Target::kClass}, {"real", Target::kReal}});
}

void describe(Settings& settings, ArraySettings& values) {
  settings.text("train_features", values.train_features, "file of the training features");
  settings.text("train_labels", values.train_labels, "file of the training labels");
  settings.text("test_features", values.test_features,
                "file of the test features; empty: hold training rows out");
  settings.text("test_labels", values.test_labels, "file of the test labels");
  settings.real("divide_by", values.divide_by, "what features are divided by: 255 for bytes",
                {.range = above(0)});
  describe_target(settings, values.target);
  describe(settings, values.task);
}

struct IdxSettings : ArraySettings {
  IdxSettings() { divide_by = 255.0; }
};
struct NpySettings : ArraySettings {};

Result<TypedArray> read_idx_default(const std::string& path) { return read_idx(path); }

template <Result<TypedArray> (*kRead)(const std::string&)>
Result<LabelledRows> read_pair(const std::string& features, const std::string& labels,
                               double divide_by) {
  SHOAL_TRY(const TypedArray x, kRead(features));
  SHOAL_TRY(const TypedArray y, kRead(labels));
  auto rows = labelled_rows(x, y, 1.0 / divide_by);
  if (!rows.ok()) return within(features, rows.error());
  return rows;
}

template <class S, Result<TypedArray> (*kRead)(const std::string&)>
Result<TaskData> load_arrays(const S& settings) {
  SHOAL_TRY(LabelledRows train,
            read_pair<kRead>(settings.train_features, settings.train_labels, settings.divide_by));
  std::optional<LabelledRows> test;
  if (!settings.test_features.empty()) {
    SHOAL_TRY(test,
              read_pair<kRead>(settings.test_features, settings.test_labels, settings.divide_by));
  }
  auto task = make_file_task(settings.train_features, settings.target, std::move(train),
                             std::move(test), settings.task);
  if (!task.ok()) return within(settings.train_features, task.error());
  return task;
}

Status check_array_paths(const ArraySettings& settings) {
  if (settings.train_features.empty() || settings.train_labels.empty())
    return invalid_argument("train_features and train_labels must name files");
  if (settings.test_features.empty() != settings.test_labels.empty())
    return invalid_argument("give both test_features and test_labels, or neither");
  return ok_status();
}

template <class S, Result<TypedArray> (*kRead)(const std::string&)>
MadeSource make_arrays(const S& settings) {
  SHOAL_TRY_STATUS(check_array_paths(settings));
  return std::unique_ptr<DataSource>(
      std::make_unique<PathSource<S, &load_arrays<S, kRead>>>(settings));
}

struct CsvSettings {
  std::string train;
  std::string test;
  char separator = ',';
  CsvFirstLine first_line = CsvFirstLine::kNames;
  std::string label = "last";
  Target target = Target::kClass;
  FileTaskSettings task;
};

void describe(Settings& settings, CsvSettings& values) {
  settings.text("train", values.train, "file of the training rows");
  settings.text("test", values.test, "file of the test rows; empty: hold training rows out");
  settings.choice("separator", values.separator, "what stands between two fields",
                  {{"comma", ','}, {"tab", '\t'}, {"semicolon", ';'}, {"space", ' '}});
  settings.choice("first_line", values.first_line, "what the first line holds",
                  {{"names", CsvFirstLine::kNames},
                   {"numbers", CsvFirstLine::kNone},
                   {"counts", CsvFirstLine::kCounts}});
  settings.text("label", values.label,
                "column to learn: its name, or its number from 0 in a file without names, or last");
  describe_target(settings, values.target);
  describe(settings, values.task);
}

Result<LabelledRows> read_csv_rows(const std::string& path, const CsvSettings& settings) {
  SHOAL_TRY(const CsvTable table,
            read_csv(path, {.separator = settings.separator, .first_line = settings.first_line}));
  auto label = table.column(settings.label);
  if (!label.ok()) return within(path, label.error());
  if (table.columns < 2) return corrupt(fmt::format("{}: a label but no feature", path));
  LabelledRows rows;
  rows.rows = table.rows;
  rows.shape = {static_cast<std::uint32_t>(table.columns - 1)};
  rows.x.reserve(table.rows * (table.columns - 1));
  rows.y.reserve(table.rows);
  for (std::size_t i = 0; i < table.values.size(); ++i)
    (i % table.columns == *label ? rows.y : rows.x).push_back(table.values[i]);
  return rows;
}

Result<TaskData> load_csv(const CsvSettings& settings) {
  SHOAL_TRY(LabelledRows train, read_csv_rows(settings.train, settings));
  std::optional<LabelledRows> test;
  if (!settings.test.empty()) {
    SHOAL_TRY(test, read_csv_rows(settings.test, settings));
  }
  auto task = make_file_task(settings.train, settings.target, std::move(train), std::move(test),
                             settings.task);
  if (!task.ok()) return within(settings.train, task.error());
  return task;
}

MadeSource make_csv(const CsvSettings& settings) {
  if (settings.train.empty()) return invalid_argument("train must name a file");
  return std::unique_ptr<DataSource>(
      std::make_unique<PathSource<CsvSettings, &load_csv>>(settings));
}

struct LibsvmSettings {
  std::string train;
  std::string test;
  std::int64_t features = 0;
  Target target = Target::kClass;
  FileTaskSettings task;
};

void describe(Settings& settings, LibsvmSettings& values) {
  settings.text("train", values.train, "file of the training rows");
  settings.text("test", values.test, "file of the test rows; empty: hold training rows out");
  settings.integer("features", values.features,
                   "features of a row; 0: the largest index of the files",
                   {.range = at_least(0).up_to(kMaxLibsvmIndex)});
  describe_target(settings, values.target);
  describe(settings, values.task);
}

Result<LabelledRows> dense_rows(const std::string& path, const SparseTable& table,
                                std::size_t features) {
  LabelledRows rows;
  auto cells = table.dense(features);
  if (!cells.ok()) return within(path, cells.error());
  rows.rows = table.rows;
  rows.shape = {static_cast<std::uint32_t>(features)};
  rows.x = std::move(cells).value();
  rows.y = table.labels;
  return rows;
}

Result<TaskData> load_libsvm(const LibsvmSettings& settings) {
  SHOAL_TRY(const SparseTable train, read_libsvm(settings.train));
  std::optional<SparseTable> test;
  if (!settings.test.empty()) {
    SHOAL_TRY(test, read_libsvm(settings.test));
  }
  auto features = static_cast<std::size_t>(settings.features);
  if (features == 0) features = std::max(train.features, test ? test->features : 0);
  if (features == 0) return corrupt(fmt::format("{}: no row has a feature", settings.train));
  SHOAL_TRY(LabelledRows train_rows, dense_rows(settings.train, train, features));
  std::optional<LabelledRows> test_rows;
  if (test) {
    SHOAL_TRY(test_rows, dense_rows(settings.test, *test, features));
  }
  auto task = make_file_task(settings.train, settings.target, std::move(train_rows),
                             std::move(test_rows), settings.task);
  if (!task.ok()) return within(settings.train, task.error());
  return task;
}

MadeSource make_libsvm(const LibsvmSettings& settings) {
  if (settings.train.empty()) return invalid_argument("train must name a file");
  return std::unique_ptr<DataSource>(
      std::make_unique<PathSource<LibsvmSettings, &load_libsvm>>(settings));
}

enum class LeafHeldOut { kRows, kUsers };

struct LeafSettings {
  std::string train;
  std::string test;
  std::int64_t classes = 0;
  LeafHeldOut hold_out = LeafHeldOut::kRows;
  double test_fraction = 0.1;
  std::int64_t split_seed = 0;
};

void describe(Settings& settings, LeafSettings& values) {
  settings.text("train", values.train, "LEAF file of the training rows");
  settings.text("test", values.test, "LEAF file of the test rows; empty: hold rows out");
  settings.integer("classes", values.classes, "number of classes; 0: the largest label + 1",
                   {.range = at_least(0).up_to(kMaxClasses)});
  settings.choice("hold_out", values.hold_out, "what is held out when there is no test file",
                  {{"rows", LeafHeldOut::kRows}, {"users", LeafHeldOut::kUsers}});
  settings.real("test_fraction", values.test_fraction, "fraction of each user, or of the users",
                {.range = above(0).below(1), .paper = "1812.01097"});
  settings.integer("split_seed", values.split_seed,
                   "key of the shuffle that holds rows out; not the run's seed",
                   {.range = at_least(0)});
}

Result<TaskData> load_leaf(const LeafSettings& settings) {
  const auto classes = static_cast<std::size_t>(settings.classes);
  if (!settings.test.empty()) return read_leaf_pair(settings.train, settings.test, classes);
  SHOAL_TRY(const LeafData leaf, read_leaf(settings.train, classes));
  const auto seed = static_cast<std::uint64_t>(settings.split_seed);
  auto split = settings.hold_out == LeafHeldOut::kRows
                   ? split_each_user(leaf.data, settings.test_fraction, seed)
                   : split_by_user(leaf.data, settings.test_fraction, seed);
  if (!split.ok()) return within(settings.train, split.error());
  return make_task(leaf.data, *split);
}

MadeSource make_leaf(const LeafSettings& settings) {
  if (settings.train.empty()) return invalid_argument("train must name a file");
  return std::unique_ptr<DataSource>(
      std::make_unique<PathSource<LeafSettings, &load_leaf>>(settings));
}

}  // namespace

SourceEntry idx_entry() {
  return catalogue_entry<DataSource, IdxSettings>("idx", "arrays in IDX files, plain or gzipped",
                                                  "", &make_arrays<IdxSettings, read_idx_default>);
}
SourceEntry npy_entry() {
  return catalogue_entry<DataSource, NpySettings>("npy", "arrays in NumPy's .npy files", "",
                                                  &make_arrays<NpySettings, read_npy>);
}
SourceEntry csv_entry() {
  return catalogue_entry<DataSource, CsvSettings>("csv", "tables of numbers as text, CSV or TSV",
                                                  "", &make_csv);
}
SourceEntry libsvm_entry() {
  return catalogue_entry<DataSource, LibsvmSettings>("libsvm", "LIBSVM's sparse text", "",
                                                     &make_libsvm);
}
SourceEntry leaf_entry() {
  return catalogue_entry<DataSource, LeafSettings>("leaf", "LEAF JSON, with natural users",
                                                   "1812.01097", &make_leaf);
}

}  // namespace shoal
