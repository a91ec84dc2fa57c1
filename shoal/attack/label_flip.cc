#include "shoal/attack/label_flip.h"

#include <fmt/format.h>

namespace shoal {
namespace {

class LabelFlip : public LocalAttack {
 public:
  explicit LabelFlip(const LabelFlipSettings& settings) : settings_(settings) {}

  Result<PoisonedRows> poison(const PoisonView& view, Dataset& made) const override {
    const Dataset& data = view.data;
    SHOAL_TRY_STATUS(check_has_classes(data, "label_flip"));
    SHOAL_TRY(const std::vector<std::int32_t> becomes, new_labels(data));
    PoisonedRows poisoned;
    for (const PoisonView::Liar& liar : view.liars) {
      Rows& rows = poisoned.liars.emplace_back();
      for (const std::uint32_t row : liar.own) {
        const std::int32_t label = becomes[static_cast<std::size_t>(data.labels[row])];
        rows.push_back(label == data.labels[row] ? row : new_row(data, made, data.row(row), label));
      }
    }
    return poisoned;
  }

  bool changes_rounds() const override { return settings_.random_start; }
  bool starts_at_random() const override { return settings_.random_start; }

 private:
  // Of each class.
  Result<std::vector<std::int32_t>> new_labels(const Dataset& data) const {
    const auto classes = static_cast<std::int32_t>(data.classes);
    std::vector<std::int32_t> becomes(data.classes);
    for (std::int32_t y = 0; y < classes; ++y)
      becomes[static_cast<std::size_t>(y)] = settings_.from.empty() ? classes - 1 - y : y;
    for (std::size_t k = 0; k < settings_.from.size(); ++k) {
      const double from = settings_.from[k], to = settings_.to[settings_.to.size() == 1 ? 0 : k];
      for (const double y : {from, to})
        if (y >= classes)
          return invalid_argument(
              fmt::format("label_flip names class {} and [data] {} has {}", y, data.name, classes));
      becomes[static_cast<std::size_t>(from)] = static_cast<std::int32_t>(to);
    }
    return becomes;
  }

  LabelFlipSettings settings_;
};

Result<std::unique_ptr<Attack>> make_label_flip(const LabelFlipSettings& settings) {
  const std::size_t from = settings.from.size(), to = settings.to.size();
  if (to != from && (to != 1 || from == 0))
    return invalid_argument(fmt::format(
        "from names {} classes and to {}; give one in to for each in from, or one for all", from,
        to));
  for (const auto* list : {&settings.from, &settings.to})
    for (const double y : *list)
      if (y != static_cast<double>(static_cast<std::int32_t>(y)))
        return invalid_argument(fmt::format("{} is no class; classes are 0, 1, 2, ...", y));
  return {std::make_unique<LabelFlip>(settings)};
}

}  // namespace

void describe(Settings& s, LabelFlipSettings& v) {
  s.reals("from", v.from, "classes that are given another label; none: all y become C-1-y",
          {.range = at_least(0).up_to(1e6)});
  s.reals("to", v.to, "the label of each, or one for all", {.range = at_least(0).up_to(1e6)});
  s.flag("random_start", v.random_start,
         "also train from a fresh random model in place of the one received",
         {.paper = "1903.06996"});
}

CatalogueEntry<Attack> label_flip_entry() {
  return catalogue_entry<Attack, LabelFlipSettings>("label_flip", "honest training on wrong labels",
                                                    "2208.10273, 1903.06996", &make_label_flip);
}

}  // namespace shoal
