// Data sets by name that Debian carries: fashion_mnist (package dataset-fashion-mnist), and digits
// and breast_cancer (files inside package python3-sklearn, brought by `make data`).
#include <filesystem>
#include <fmt/format.h>

#include "shoal/data/csv_reader.h"
#include "shoal/data/file_source.h"
#include "shoal/data/idx_reader.h"
#include "shoal/data/source_entries.h"

namespace shoal {
namespace {

constexpr const char* kFashionFolder = "/usr/share/datasets/fashion-mnist";

// Adds what to do to the error of a file that is not there.
Error with_advice(const Error& error, const std::string& advice) {
  if (error.code != ErrorCode::kNotFound) return error;
  return not_found(fmt::format("{}; {}", error.message, advice));
}

struct FashionSettings {
  std::string folder = kFashionFolder;
  bool standardise = false;
  std::int64_t train_rows = 0;
  std::int64_t test_rows = 0;
};

void describe(Settings& settings, FashionSettings& values) {
  settings.text("folder", values.folder, "where the four .gz files of Fashion-MNIST lie");
  settings.flag("standardise", values.standardise,
                "subtract the training mean of each pixel and divide by its deviation");
  settings.integer("train_rows", values.train_rows, "training rows kept, from the front; 0: all",
                   {.range = at_least(0), .unit = "rows"});
  settings.integer("test_rows", values.test_rows, "test rows kept, from the front; 0: all",
                   {.range = at_least(0), .unit = "rows"});
}

class FashionSource : public DataSource {
 public:
  explicit FashionSource(FashionSettings settings) : settings_(std::move(settings)) {}

  Result<TaskData> load(std::uint64_t) const override {
    SHOAL_TRY(LabelledRows train, read_part("train"));
    SHOAL_TRY(LabelledRows test, read_part("t10k"));
    return make_file_task("fashion_mnist", Target::kClass, std::move(train), std::move(test),
                          {.standardise = settings_.standardise,
                           .train_rows = settings_.train_rows,
                           .test_rows = settings_.test_rows});
  }

 private:
  Result<LabelledRows> read_part(const std::string& part) const {
    SHOAL_TRY(const TypedArray images, read("images-idx3-ubyte.gz", part));
    SHOAL_TRY(const TypedArray labels, read("labels-idx1-ubyte.gz", part));
    auto rows = labelled_rows(images, labels, 1.0 / 255.0);
    if (!rows.ok()) return within(settings_.folder, rows.error());
    if (rows->shape != std::vector<std::uint32_t>{28, 28})
      return corrupt(fmt::format("{}: the images are not 28 x 28", settings_.folder));
    rows->shape = {1, 28, 28};
    return rows;
  }
  Result<TypedArray> read(const std::string& file, const std::string& part) const {
    auto array = read_idx(fmt::format("{}/{}-{}", settings_.folder, part, file));
    if (!array.ok())
      return with_advice(array.error(),
                         "install the Debian package dataset-fashion-mnist, or set "
                         "folder to where its files lie");
    return array;
  }
  FashionSettings settings_;
};

struct SmallSettings {
  std::string folder;
  double test_fraction = 0.2;
  std::int64_t split_seed = 0;
};

void describe(Settings& settings, SmallSettings& values) {
  settings.text("folder", values.folder,
                "where the file lies; empty: $SHOAL_DATA_DIR, else the build's data folder");
  settings.real("test_fraction", values.test_fraction, "fraction of each class held out",
                {.range = above(0).below(1)});
  settings.integer("split_seed", values.split_seed,
                   "key of the shuffle that holds rows out; not the run's seed, so that runs with "
                   "other seeds are measured on the same rows",
                   {.range = at_least(0)});
}

// What distinguishes the two small sets.
struct SmallSet {
  const char* name;
  const char* file;
  CsvFirstLine first_line;
  std::size_t rows;
  std::size_t features;
  std::vector<std::uint32_t> shape;
  float divide_by;
  bool standardise;
};

const SmallSet& digits() {
  static const SmallSet set{
      "digits", "digits.csv.gz", CsvFirstLine::kNone, 1797, 64, {1, 8, 8}, 16.0f, false};
  return set;
}

const SmallSet& breast_cancer() {
  static const SmallSet set{
      "breast_cancer", "breast_cancer.csv", CsvFirstLine::kCounts, 569, 30, {30}, 1.0f, true};
  return set;
}

class SmallSource : public DataSource {
 public:
  SmallSource(const SmallSet& set, SmallSettings settings)
      : set_(set), settings_(std::move(settings)) {}

  Result<TaskData> load(std::uint64_t) const override {
    const std::string path =
        (std::filesystem::path(data_folder(settings_.folder)) / set_.file).string();
    auto table = read_csv(path, {.separator = ',', .first_line = set_.first_line});
    if (!table.ok())
      return with_advice(table.error(),
                         "run `make data` to bring it, or set folder to where it "
                         "lies");
    if (table->rows != set_.rows || table->columns != set_.features + 1)
      return corrupt(fmt::format("{}: {} rows of {} numbers; {} has {} of {}", path, table->rows,
                                 table->columns, set_.name, set_.rows, set_.features + 1));
    LabelledRows rows{.rows = table->rows, .shape = set_.shape, .x = {}, .y = {}};
    for (std::size_t row = 0; row < table->rows; ++row) {
      const float* values = table->values.data() + row * table->columns;
      for (std::size_t j = 0; j < set_.features; ++j) rows.x.push_back(values[j] / set_.divide_by);
      rows.y.push_back(values[set_.features]);
    }
    auto task = make_file_task(set_.name, Target::kClass, std::move(rows), std::nullopt,
                               {.test_fraction = settings_.test_fraction,
                                .split_seed = settings_.split_seed,
                                .standardise = set_.standardise});
    if (!task.ok()) return within(path, task.error());
    return task;
  }

 private:
  const SmallSet& set_;
  SmallSettings settings_;
};

Result<std::unique_ptr<DataSource>> make_fashion(const FashionSettings& settings) {
  return std::unique_ptr<DataSource>(std::make_unique<FashionSource>(settings));
}
Result<std::unique_ptr<DataSource>> make_digits(const SmallSettings& settings) {
  return std::unique_ptr<DataSource>(std::make_unique<SmallSource>(digits(), settings));
}
Result<std::unique_ptr<DataSource>> make_breast_cancer(const SmallSettings& settings) {
  return std::unique_ptr<DataSource>(std::make_unique<SmallSource>(breast_cancer(), settings));
}

}  // namespace

SourceEntry fashion_mnist_entry() {
  return catalogue_entry<DataSource, FashionSettings>(
      "fashion_mnist", "60,000 + 10,000 grey 28 x 28 images of clothes, 10 classes", "1708.07747",
      &make_fashion);
}
SourceEntry digits_entry() {
  return catalogue_entry<DataSource, SmallSettings>(
      "digits", "1,797 grey 8 x 8 images of digits, 10 classes, pixels in [0, 1]",
      "scikit-learn, UCI Optical Recognition of Handwritten Digits", &make_digits);
}
SourceEntry breast_cancer_entry() {
  return catalogue_entry<DataSource, SmallSettings>(
      "breast_cancer", "569 rows of 30 features, 2 classes, standardised by training statistics",
      "scikit-learn, UCI Breast Cancer Wisconsin (Diagnostic)", &make_breast_cancer);
}

}  // namespace shoal
