// transform_skew: IID rows, seen through another transform on each node.
//
//   rotation    node i turns square images by (i mod 4) quarter turns, anticlockwise
//   inversion   odd nodes replace x by white - x
//   brightness  node i multiplies by 1 + strength * (2 i / (n-1) - 1)
//
// Labels and sizes stay IID; the transformed set is a copy with the same row ids.
#include "shoal/data/partition_entries.h"

namespace shoal {
namespace {

enum class Transform { kRotation, kInversion, kBrightness };

struct TransformSettings {
  Transform transform = Transform::kRotation;
  double white = 1.0;
  double strength = 0.5;
};

void describe(Settings& settings, TransformSettings& values) {
  settings.choice("transform", values.transform, "what differs between nodes",
                  {{"rotation", Transform::kRotation},
                   {"inversion", Transform::kInversion},
                   {"brightness", Transform::kBrightness}});
  settings.real("white", values.white, "the value that inversion turns into 0", {});
  settings.real("strength", values.strength, "how far the brightness factors lie from 1",
                {.range = at_least(0).up_to(1)});
}

// One quarter turn anticlockwise of each channel of a square image.
void quarter_turn(std::span<float> image, std::size_t side) {
  std::vector<float> turned(side * side);
  for (std::size_t begin = 0; begin < image.size(); begin += side * side) {
    const auto channel = image.subspan(begin, side * side);
    for (std::size_t y = 0; y < side; ++y)
      for (std::size_t x = 0; x < side; ++x)
        turned[(side - 1 - x) * side + y] = channel[y * side + x];
    std::copy(turned.begin(), turned.end(), channel.begin());
  }
}

void transform_row(const TransformSettings& settings, std::size_t node, std::size_t nodes,
                   std::size_t side, std::span<float> row) {
  switch (settings.transform) {
    case Transform::kRotation:
      for (std::size_t turn = 0; turn < node % 4; ++turn) quarter_turn(row, side);
      return;
    case Transform::kInversion:
      if (node % 2 == 1)
        for (float& value : row) value = static_cast<float>(settings.white) - value;
      return;
    case Transform::kBrightness: {
      if (nodes == 1) return;
      const double place = static_cast<double>(node) / static_cast<double>(nodes - 1);
      const double factor = 1.0 + settings.strength * (2.0 * place - 1.0);
      for (float& value : row) value = static_cast<float>(static_cast<double>(value) * factor);
    }
  }
}

Result<Partition> split_transform(const TransformSettings& settings,
                                  std::shared_ptr<const Dataset> data, std::size_t nodes,
                                  std::uint64_t seed) {
  SHOAL_TRY_STATUS(check_nodes(*data, nodes));
  const std::size_t dimensions = data->shape.size();
  if (settings.transform == Transform::kRotation &&
      (dimensions < 2 || data->shape[dimensions - 1] != data->shape[dimensions - 2]))
    return invalid_argument(
        fmt::format("rotation needs square images, and rows of {} are none", data->name));
  const std::size_t side = data->shape.empty() ? 1 : data->shape.back();
  auto lists = iid_rows(*data, nodes, seed);
  auto changed = std::make_shared<Dataset>(*data);
  for (std::size_t i = 0; i < nodes; ++i)
    for (const std::uint32_t row : lists[i])
      transform_row(settings, i, nodes, side,
                    {changed->x.data() + row * changed->features, changed->features});
  return Partition{std::move(changed), std::move(lists)};
}

}  // namespace

PartitionerEntry transform_skew_entry() {
  return partitioner_entry<TransformSettings, &split_transform>(
      "transform_skew", "IID, rotated, inverted or brightened by node", "2102.02079");
}

}  // namespace shoal
