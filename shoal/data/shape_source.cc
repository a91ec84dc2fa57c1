// The source "shape": no rows, only what one looks like. A server that has no data of its own, and
// members that bring theirs, agree on the model by it.
#include <fmt/format.h>

#include "shoal/data/source_entries.h"

namespace shoal {
namespace {

constexpr double kFeaturesMax = 1e8;

struct ShapeSettings {
  std::vector<double> shape;
  std::int64_t classes = 0;
};

void describe(Settings& s, ShapeSettings& v) {
  s.reals("shape", v.shape, "of one row, as [30] or [1, 28, 28]", {.range = at_least(1)});
  s.integer("classes", v.classes, "classes to tell apart; 0: a real number is learnt",
            {.range = at_least(0).up_to(1e6)});
}

class ShapeSource : public DataSource {
 public:
  explicit ShapeSource(const ShapeSettings& settings) : settings_(settings) {}

  Result<TaskData> load(std::uint64_t) const override {
    auto data = std::make_shared<Dataset>();
    data->name = "shape";
    data->features = 1;
    double features = 1.0;
    for (const double extent : settings_.shape) {
      features *= extent;
      if (extent != static_cast<double>(static_cast<std::uint32_t>(extent)) ||
          features > kFeaturesMax)
        return invalid_argument(fmt::format(
            "shape holds {}; extents are whole numbers and rows have at most {:.0e} features",
            extent, kFeaturesMax));
      data->shape.push_back(static_cast<std::uint32_t>(extent));
    }
    if (settings_.shape.empty()) return invalid_argument("shape is empty; give one such as [30]");
    data->features = static_cast<std::size_t>(features);
    data->classes = static_cast<std::size_t>(settings_.classes);
    return TaskData{data, nullptr};
  }

 private:
  ShapeSettings settings_;
};

Result<std::unique_ptr<DataSource>> make_shape(const ShapeSettings& settings) {
  return std::unique_ptr<DataSource>(std::make_unique<ShapeSource>(settings));
}

}  // namespace

SourceEntry shape_source_entry() {
  return catalogue_entry<DataSource, ShapeSettings>(
      "shape", "no rows: what a row looks like, for members that bring their own", "", &make_shape);
}

}  // namespace shoal
