// Feature skew by noise (NIID-Bench, arXiv 2102.02079); labels and sizes IID.
//
// noise_skew: node i adds N(0, (sigma_max * i / (n-1))^2) to every feature. NIID-Bench documents
// its argument as a variance and uses it as a deviation; here it is a deviation, and says so.
// spatial_noise: all nodes add N(0, sigma^2), but node i only inside block i of the image, which is
// cut in a grid of ceil(sqrt(n)) x ceil(sqrt(n)) blocks, row by row.
//
// Each row belongs to one node, so the transformed set is a copy of the same size with the same
// ids.
#include <cmath>

#include "shoal/data/partition_entries.h"

namespace shoal {
namespace {

struct NoiseSkewSettings {
  double sigma_max = 0.1;
};

void describe(Settings& settings, NoiseSkewSettings& values) {
  settings.real("sigma_max", values.sigma_max,
                "deviation (not variance) of the last node's noise, in units of a feature",
                {.range = at_least(0), .paper = "2102.02079"});
}

void add_noise(float& value, double sigma, RandomStream& stream) {
  value = static_cast<float>(static_cast<double>(value) + sigma * stream.normal());
}

Result<Partition> split_noise(const NoiseSkewSettings& settings,
                              std::shared_ptr<const Dataset> data, std::size_t nodes,
                              std::uint64_t seed) {
  SHOAL_TRY_STATUS(check_nodes(*data, nodes));
  auto lists = iid_rows(*data, nodes, seed);
  auto noisy = std::make_shared<Dataset>(*data);
  for (std::size_t i = 1; i < nodes; ++i) {
    const double sigma =
        settings.sigma_max * static_cast<double>(i) / static_cast<double>(nodes - 1);
    for (const std::uint32_t row : lists[i]) {
      auto stream = partition_stream(seed, "noise_skew", row);
      float* values = noisy->x.data() + row * noisy->features;
      for (std::size_t j = 0; j < noisy->features; ++j) add_noise(values[j], sigma, stream);
    }
  }
  return Partition{std::move(noisy), std::move(lists)};
}

struct SpatialNoiseSettings {
  double sigma = 0.1;
};

void describe(Settings& settings, SpatialNoiseSettings& values) {
  settings.real("sigma", values.sigma, "deviation of the noise inside a node's block",
                {.range = at_least(0), .paper = "2102.02079"});
}

Result<Partition> split_spatial(const SpatialNoiseSettings& settings,
                                std::shared_ptr<const Dataset> data, std::size_t nodes,
                                std::uint64_t seed) {
  SHOAL_TRY_STATUS(check_nodes(*data, nodes));
  const std::size_t dimensions = data->shape.size();
  if (dimensions < 2)
    return invalid_argument(
        fmt::format("spatial_noise needs images, and rows of {} are flat", data->name));
  const std::size_t height = data->shape[dimensions - 2];
  const std::size_t width = data->shape[dimensions - 1];
  std::size_t grid = 1;
  while (grid * grid < nodes) ++grid;
  if (grid > height || grid > width)
    return invalid_argument(
        fmt::format("{} nodes need a grid of {} x {} blocks, finer than the "
                    "images of {} x {}",
                    nodes, grid, grid, height, width));
  auto lists = iid_rows(*data, nodes, seed);
  auto noisy = std::make_shared<Dataset>(*data);
  const std::size_t channels = data->features / (height * width);
  for (std::size_t i = 0; i < nodes; ++i) {
    const std::size_t block_row = i / grid;
    const std::size_t block_column = i % grid;
    for (const std::uint32_t row : lists[i]) {
      auto stream = partition_stream(seed, "spatial_noise", row);
      float* values = noisy->x.data() + row * noisy->features;
      for (std::size_t c = 0; c < channels; ++c)
        for (std::size_t y = block_row * height / grid; y < (block_row + 1) * height / grid; ++y)
          for (std::size_t x = block_column * width / grid; x < (block_column + 1) * width / grid;
               ++x)
            add_noise(values[(c * height + y) * width + x], settings.sigma, stream);
    }
  }
  return Partition{std::move(noisy), std::move(lists)};
}

}  // namespace

PartitionerEntry noise_skew_entry() {
  return partitioner_entry<NoiseSkewSettings, &split_noise>(
      "noise_skew", "IID, with more noise on each further node", "2102.02079");
}
PartitionerEntry spatial_noise_entry() {
  return partitioner_entry<SpatialNoiseSettings, &split_spatial>(
      "spatial_noise", "IID, with noise in another block of the image on each node", "2102.02079");
}

}  // namespace shoal
