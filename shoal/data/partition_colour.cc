// colour_split (after the data-bias experiment of FedMA, arXiv 2002.06440): two domains that go
// with the class. Of the classes of a first group a majority of rows (0.95) is made grey, of the
// others the minority (0.05). Grey rows go to the first half of the nodes, colour rows to the
// others, each IID. A model that looks at colour instead of shape fails on a test set that mixes
// both evenly.
//
// Grey is the luminance (0.299, 0.587, 0.114) in all three channels. Images of one channel have no
// colour: their stand-in for grey is dark, the values multiplied by `dim`.
//
// FedMA's text leaves open which rows go where in detail; this is our reading.
#include <algorithm>
#include <cmath>

#include "shoal/data/partition_entries.h"

namespace shoal {
namespace {

constexpr double kLuminance[3] = {0.299, 0.587, 0.114};

struct ColourSettings {
  std::vector<double> grey_classes;
  double majority = 0.95;
  double dim = 0.5;
};

void describe(Settings& settings, ColourSettings& values) {
  settings.reals("grey_classes", values.grey_classes,
                 "classes that are mostly grey; empty: the first half of them",
                 {.range = at_least(0), .paper = "2002.06440"});
  settings.real("majority", values.majority, "fraction of their rows that is grey",
                {.range = at_least(0).up_to(1), .paper = "2002.06440"});
  settings.real("dim", values.dim, "factor of the dark rows where there is one channel",
                {.range = at_least(0)});
}

Result<std::vector<bool>> mostly_grey(const ColourSettings& settings, std::size_t classes) {
  std::vector<bool> grey(classes, false);
  if (settings.grey_classes.empty())
    for (std::size_t c = 0; c < classes / 2; ++c) grey[c] = true;
  for (const double label : settings.grey_classes) {
    if (label != std::floor(label) || label >= static_cast<double>(classes))
      return invalid_argument(
          fmt::format("grey_classes holds {}, which is no class from 0 to {}", label, classes - 1));
    grey[static_cast<std::size_t>(label)] = true;
  }
  return grey;
}

void make_grey(std::span<float> row, bool three_channels, double dim) {
  if (!three_channels) {
    for (float& value : row) value = static_cast<float>(static_cast<double>(value) * dim);
    return;
  }
  const std::size_t pixels = row.size() / 3;
  for (std::size_t p = 0; p < pixels; ++p) {
    double light = 0.0;
    for (std::size_t c = 0; c < 3; ++c) light += kLuminance[c] * row[c * pixels + p];
    for (std::size_t c = 0; c < 3; ++c) row[c * pixels + p] = static_cast<float>(light);
  }
}

// Deals rows one by one over the nodes [first, last).
void deal(Rows& rows, std::size_t first, std::size_t last, RandomStream& stream,
          std::vector<Rows>& lists) {
  stream.shuffle(std::span(rows));
  for (std::size_t k = 0; k < rows.size(); ++k)
    lists[first + k % (last - first)].push_back(rows[k]);
}

Result<Partition> split_colour(const ColourSettings& settings, std::shared_ptr<const Dataset> data,
                               std::size_t nodes, std::uint64_t seed) {
  SHOAL_TRY_STATUS(check_nodes(*data, nodes));
  SHOAL_TRY_STATUS(check_classes(*data, "colour_split"));
  if (nodes < 2) return invalid_argument("colour_split needs at least 2 nodes, one a domain");
  SHOAL_TRY(const std::vector<bool> grey_class, mostly_grey(settings, data->classes));
  const auto by_class = shuffled_rows_by_class(*data, seed);
  Rows grey;
  Rows colour;
  for (std::size_t c = 0; c < by_class.size(); ++c) {
    const double fraction = grey_class[c] ? settings.majority : 1.0 - settings.majority;
    const auto count = static_cast<std::ptrdiff_t>(
        std::floor(fraction * static_cast<double>(by_class[c].size()) + 0.5));
    grey.insert(grey.end(), by_class[c].begin(), by_class[c].begin() + count);
    colour.insert(colour.end(), by_class[c].begin() + count, by_class[c].end());
  }
  auto changed = std::make_shared<Dataset>(*data);
  const bool three_channels = data->shape.size() == 3 && data->shape[0] == 3;
  for (const std::uint32_t row : grey)
    make_grey({changed->x.data() + row * changed->features, changed->features}, three_channels,
              settings.dim);
  std::vector<Rows> lists(nodes);
  auto stream = partition_stream(seed, "colour_split");
  const std::size_t half = (nodes + 1) / 2;
  deal(grey, 0, half, stream, lists);
  deal(colour, half, nodes, stream, lists);
  return Partition{std::move(changed), std::move(lists)};
}

}  // namespace

PartitionerEntry colour_split_entry() {
  return partitioner_entry<ColourSettings, &split_colour>(
      "colour_split", "grey (or dark) and colour domains that go with the class", "2002.06440");
}

}  // namespace shoal
