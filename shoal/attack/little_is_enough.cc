#include "shoal/attack/little_is_enough.h"

#include <fmt/format.h>

#include "shoal/attack/honest_statistics.h"
#include "shoal/math/normal_quantile.h"

namespace shoal {
namespace {

class LittleIsEnough : public MessageAttack {
 public:
  explicit LittleIsEnough(const LittleIsEnoughSettings& settings) : settings_(settings) {}

  Status check(std::size_t honest, std::size_t liars) const override {
    SHOAL_TRY_STATUS(check_sees_honest("little_is_enough", honest));
    if (!settings_.formula || settings_.search.optimise || liars == 0) return ok_status();
    SHOAL_TRY([[maybe_unused]] const double z, little_is_enough_z(honest + liars, liars));
    return ok_status();
  }

  bool probes() const override { return settings_.search.optimise; }

  void forge(const AttackView& view, std::span<float> out) override {
    if (view.liars.empty()) return;
    const std::size_t liars = view.liars.size();
    const double sign = settings_.direction == LittleDirection::kMinus ? -1.0 : 1.0;
    const auto row_at = [&view, sign](double z, std::span<float> row) {
      combine_honest(view.honest, 1.0, sign * z, row);
    };
    double z = settings_.z;
    if (settings_.search.optimise)
      z = search_factor(settings_.search, view, row_at);
    else if (settings_.formula)
      z = little_is_enough_z(view.honest.size() + liars, liars).value();
    const std::span<float> first = out.first(out.size() / liars);
    row_at(z, first);
    repeat_row(first, out);
  }

 private:
  LittleIsEnoughSettings settings_;
};

Result<std::unique_ptr<Attack>> make_little_is_enough(const LittleIsEnoughSettings& settings) {
  return {std::make_unique<LittleIsEnough>(settings)};
}

}  // namespace

Result<double> little_is_enough_z(std::size_t n, std::size_t f) {
  const std::size_t majority = n / 2 + 1;
  if (f >= majority || n <= majority)
    return invalid_argument(
        fmt::format("little_is_enough has no z for n = {} with f = {} liars: "
                    "it needs n >= 3 and f <= n/2; set formula = false and z",
                    n, f));
  const std::size_t farther = majority - f;
  const auto honest = static_cast<double>(n - f);
  return normal_quantile((honest - static_cast<double>(farther)) / honest);
}

void describe(Settings& s, LittleIsEnoughSettings& v) {
  s.flag("formula", v.formula, "take z from n and f; false takes the z given",
         {.paper = "1902.06156"});
  s.real("z", v.z, "standard deviations from the honest mean, when formula = false",
         {.range = any_number()});
  s.choice("direction", v.direction, "mean - z sd or mean + z sd",
           {{"minus", LittleDirection::kMinus}, {"plus", LittleDirection::kPlus}});
  describe(s, v.search);
}

CatalogueEntry<Attack> little_is_enough_entry() {
  return catalogue_entry<Attack, LittleIsEnoughSettings>(
      "little_is_enough", "the honest mean moved within the honest spread", "1902.06156",
      &make_little_is_enough);
}

}  // namespace shoal
