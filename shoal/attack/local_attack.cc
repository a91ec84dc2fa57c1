#include "shoal/attack/local_attack.h"

#include <fmt/format.h>

namespace shoal {

Dataset empty_like(const Dataset& data) {
  Dataset empty;
  empty.name = data.name;
  empty.features = data.features;
  empty.shape = data.shape;
  empty.classes = data.classes;
  return empty;
}

void append_row(Dataset& data, std::span<const float> features, std::int32_t label) {
  SHOAL_CHECK(features.size() == data.features, "a row has the set's features");
  data.x.insert(data.x.end(), features.begin(), features.end());
  data.labels.push_back(label);
  ++data.rows;
}

std::uint32_t new_row(const Dataset& data, Dataset& made, std::span<const float> features,
                      std::int32_t label) {
  append_row(made, features, label);
  return static_cast<std::uint32_t>(data.rows + made.rows - 1);
}

Status check_has_classes(const Dataset& data, const char* attack) {
  if (data.classes > 0) return ok_status();
  return invalid_argument(
      fmt::format("{} gives rows other classes, and [data] {} has none", attack, data.name));
}

Result<ImageShape> image_shape(const Dataset& data, const char* attack) {
  const std::vector<std::uint32_t>& shape = data.shape;
  if (shape.size() < 2 || shape.size() > 3)
    return invalid_argument(
        fmt::format("{} changes images, and rows of [data] {} have {} extents in place of height "
                    "and width",
                    attack, data.name, shape.size()));
  ImageShape image;
  image.channels = shape.size() == 3 ? shape[0] : 1;
  image.height = shape[shape.size() - 2];
  image.width = shape.back();
  return image;
}

}  // namespace shoal
