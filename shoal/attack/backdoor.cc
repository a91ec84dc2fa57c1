#include "shoal/attack/backdoor.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <numeric>

#include "shoal/data/source.h"
#include "shoal/math/vector.h"

namespace shoal {
namespace {

constexpr std::uint32_t kSide = 28;  // of the images that digits are scaled to
// 59 of the 179 sevens are held out.
constexpr double kDigitsHeldOut = 0.33;

class Backdoor : public LocalAttack {
 public:
  explicit Backdoor(const BackdoorSettings& settings) : settings_(settings) {}

  // The edge cases are made once: liars hold numbers of them and of clean rows.
  Result<PoisonedRows> poison(const PoisonView& view, Dataset& made) const override {
    const Dataset& data = view.data;
    SHOAL_TRY_STATUS(check_has_classes(data, "backdoor"));
    SHOAL_TRY(const Dataset edge, edge_of(data, false));
    const std::size_t holders = holders_among(view.honest);
    SHOAL_TRY_STATUS(check_rows(data, edge, holders));
    PoisonedRows poisoned;
    RandomStream stream = view.stream;
    Rows left(edge.rows);  // edge cases that no honest worker holds
    std::iota(left.begin(), left.end(), 0u);
    if (holders > 0) {
      stream.shuffle(std::span(left));
      poisoned.honest.resize(view.honest);
      for (const std::uint32_t holder : stream.sample(view.honest, holders))
        for (std::int64_t k = 0; k < settings_.honest_rows; ++k) {
          poisoned.honest[holder].push_back(new_row(data, made, edge.row(left.back()),
                                                    static_cast<std::int32_t>(settings_.source)));
          left.pop_back();
        }
      std::ranges::sort(left);
    }
    for (std::uint32_t& row : left) row = new_row(data, made, edge.row(row), edge.labels[row]);
    for (const PoisonView::Liar& liar : view.liars)
      poisoned.liars.push_back(rows_of(liar, left, data.rows));
    return poisoned;
  }

  Result<std::shared_ptr<const Dataset>> goal(const TaskData& task) const override {
    if (!task.test) return std::shared_ptr<const Dataset>();
    SHOAL_TRY(Dataset edge, edge_of(*task.test, true));
    if (edge.rows == 0)
      return invalid_argument(fmt::format("no test row is of class source = {}", settings_.source));
    return std::make_shared<const Dataset>(std::move(edge));
  }

  bool changes_rounds() const override { return settings_.radius > 0.0 || settings_.replace; }
  void after_step(std::span<const float> start, std::span<float> y, std::size_t steps,
                  bool ends_epoch) const override {
    const bool due = ends_epoch || steps % static_cast<std::size_t>(settings_.period) == 0;
    if (settings_.radius > 0.0 && due) project(start, settings_.radius, y);
  }
  double outgoing_factor(double own_rows, double all_rows) const override {
    return settings_.replace ? all_rows / own_rows : 1.0;
  }

 private:
  std::size_t holders_among(std::size_t honest) const {
    return static_cast<std::size_t>(
        std::round(settings_.honest_share * static_cast<double>(honest)));
  }

  Status check_rows(const Dataset& data, const Dataset& edge, std::size_t holders) const {
    const auto wanted = static_cast<std::size_t>(settings_.edge_rows);
    const std::size_t held = holders * static_cast<std::size_t>(settings_.honest_rows);
    if (wanted > edge.rows)
      return invalid_argument(
          fmt::format("edge_rows = {} of {} edge cases to train on", wanted, edge.rows));
    const auto clean = static_cast<std::size_t>(settings_.clean_rows);
    if (clean > data.rows)
      return invalid_argument(fmt::format("clean_rows = {} of {} training rows", clean, data.rows));
    if (wanted + held <= edge.rows) return ok_status();
    return invalid_argument(
        fmt::format("{} honest workers with honest_rows = {} and liars with edge_rows = {} need {} "
                    "edge cases to train on, and there are {}",
                    holders, settings_.honest_rows, wanted, wanted + held, edge.rows));
  }

  Rows rows_of(const PoisonView::Liar& liar, const Rows& edge, std::size_t all) const {
    RandomStream stream = liar.stream;
    Rows rows;
    for (const std::uint32_t at :
         stream.sample(edge.size(), static_cast<std::size_t>(settings_.edge_rows)))
      rows.push_back(edge[at]);
    const Rows clean = stream.sample(all, static_cast<std::size_t>(settings_.clean_rows));
    rows.insert(rows.end(), clean.begin(), clean.end());
    return rows;
  }

  // Edge cases labelled as the target, of the training rows or of those held out.
  Result<Dataset> edge_of(const Dataset& data, bool held_out) const {
    for (const std::int64_t y : {settings_.source, settings_.target})
      if (y >= static_cast<std::int64_t>(data.classes))
        return invalid_argument(fmt::format("backdoor names class {} and [data] {} has {}", y,
                                            data.name, data.classes));
    SHOAL_TRY(const ImageShape image, image_shape(data, "backdoor"));
    return settings_.edge == EdgeSet::kMirrored ? mirrored(data, image)
                                                : digits(data, image, held_out);
  }

  Result<Dataset> mirrored(const Dataset& data, const ImageShape& image) const {
    Dataset edge = empty_like(data);
    for (std::uint32_t row = 0; row < data.rows; ++row)
      if (data.labels[row] == settings_.source)
        append_row(edge, mirror_image(data.row(row), image),
                   static_cast<std::int32_t>(settings_.target));
    return edge;
  }

  Result<Dataset> digits(const Dataset& data, const ImageShape& image, bool held_out) const {
    if (image.channels != 1 || image.height != kSide || image.width != kSide)
      return invalid_argument(fmt::format(
          "edge = \"digits\" makes grey images of {}x{}, and those of [data] {} have {} channels "
          "of {}x{}",
          kSide, kSide, data.name, image.channels, image.height, image.width));
    Table source;
    source.set("kind", "digits");
    source.set("test_fraction", kDigitsHeldOut);
    SHOAL_TRY(const auto loader, data_sources().make(source, "[attack] digits"));
    SHOAL_TRY(const TaskData task, loader->load(0));
    const Dataset& small = held_out ? *task.test : *task.train;
    const std::size_t height = small.shape[small.shape.size() - 2], width = small.shape.back();
    Dataset edge = empty_like(data);
    for (std::uint32_t row = 0; row < small.rows; ++row)
      if (small.labels[row] == settings_.source)
        append_row(edge, scale_image(small.row(row), height, width, kSide, kSide),
                   static_cast<std::int32_t>(settings_.target));
    return edge;
  }

  BackdoorSettings settings_;
};

Result<std::unique_ptr<Attack>> make_backdoor(const BackdoorSettings& settings) {
  if (settings.edge == EdgeSet::kMirrored && settings.source == settings.target)
    return invalid_argument(
        fmt::format("backdoor relabels class source = {} as target = {}: they are the same",
                    settings.source, settings.target));
  if (settings.edge == EdgeSet::kDigits && settings.honest_share > 0.0)
    return invalid_argument(
        "honest_share gives edge cases their true labels, and digits have none among the classes "
        "of other images; set it to 0, or edge = \"mirrored\"");
  return {std::make_unique<Backdoor>(settings)};
}

}  // namespace

void project(std::span<const float> centre, double radius, std::span<float> y) {
  const double norm = std::sqrt(squared_distance(centre, y));
  if (!(norm > radius)) return;
  const double share = radius / norm;
  for (std::size_t i = 0; i < y.size(); ++i) {
    const auto origin = static_cast<double>(centre[i]);
    y[i] = static_cast<float>(origin + share * (static_cast<double>(y[i]) - origin));
  }
}

std::vector<float> scale_image(std::span<const float> image, std::size_t height, std::size_t width,
                               std::size_t new_height, std::size_t new_width) {
  struct Place {
    std::size_t low, high;
    double share;  // of high
  };
  const auto place_of = [](std::size_t at, std::size_t n, std::size_t new_n) {
    const double step = static_cast<double>(n) / static_cast<double>(new_n);
    const double source = (static_cast<double>(at) + 0.5) * step - 0.5;
    const double inside = std::clamp(source, 0.0, static_cast<double>(n - 1));
    const auto low = static_cast<std::size_t>(inside);
    return Place{low, std::min(low + 1, n - 1), inside - static_cast<double>(low)};
  };
  std::vector<float> scaled(new_height * new_width);
  for (std::size_t y = 0; y < new_height; ++y) {
    const Place row = place_of(y, height, new_height);
    for (std::size_t x = 0; x < new_width; ++x) {
      const Place column = place_of(x, width, new_width);
      const auto along = [&](std::size_t line) {
        const auto low = static_cast<double>(image[line * width + column.low]);
        const auto high = static_cast<double>(image[line * width + column.high]);
        return low + column.share * (high - low);
      };
      const double low = along(row.low), high = along(row.high);
      scaled[y * new_width + x] = static_cast<float>(low + row.share * (high - low));
    }
  }
  return scaled;
}

std::vector<float> mirror_image(std::span<const float> row, const ImageShape& image) {
  std::vector<float> mirrored(row.begin(), row.end());
  for (std::size_t line = 0; line < image.channels * image.height; ++line) {
    const auto begin = mirrored.begin() + static_cast<std::ptrdiff_t>(line * image.width);
    std::reverse(begin, begin + static_cast<std::ptrdiff_t>(image.width));
  }
  return mirrored;
}

void describe(Settings& s, BackdoorSettings& v) {
  s.choice("edge", v.edge, "inputs from the tail: mirrored images of a class, or foreign digits",
           {{"mirrored", EdgeSet::kMirrored}, {"digits", EdgeSet::kDigits}});
  s.integer("source", v.source, "class that they really are of", {.range = at_least(0)});
  s.integer("target", v.target, "class that liars want them taken for",
            {.range = at_least(0), .paper = "2007.05084"});
  s.integer("edge_rows", v.edge_rows, "of each liar", {.range = at_least(1), .unit = "rows"});
  s.integer("clean_rows", v.clean_rows, "of each liar, with their true labels",
            {.range = at_least(0), .unit = "rows"});
  s.real("honest_share", v.honest_share,
         "of honest workers, those who hold edge cases with their true label; 0: none",
         {.range = at_least(0).up_to(1), .paper = "2007.05084"});
  s.integer("honest_rows", v.honest_rows, "edge cases of each honest worker that holds any",
            {.range = at_least(1), .unit = "rows"});
  s.real("radius", v.radius, "PGD: how far the local model may go from the one received; 0: any",
         {.range = at_least(0)});
  s.integer("period", v.period, "batches from projection to projection, and after each epoch",
            {.range = at_least(1)});
  s.flag("replace", v.replace, "multiply the update so that the mean becomes the liar's model");
}

CatalogueEntry<Attack> backdoor_entry() {
  return catalogue_entry<Attack, BackdoorSettings>(
      "backdoor", "edge cases with a wrong label; PGD and model replacement", "2007.05084",
      &make_backdoor);
}

}  // namespace shoal
