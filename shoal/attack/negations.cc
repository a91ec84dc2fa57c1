#include "shoal/attack/negations.h"

#include "shoal/attack/honest_statistics.h"

namespace shoal {
namespace {

class Omniscient : public MessageAttack {
 public:
  explicit Omniscient(const OmniscientSettings& settings) : settings_(settings) {}
  Status check(std::size_t honest, std::size_t) const override {
    return check_sees_honest("omniscient", honest);
  }
  void forge(const AttackView& view, std::span<float> out) override {
    const std::span<float> first = out.first(view.dimension());
    const auto honest = static_cast<double>(view.honest.size());
    combine_honest(view.honest, -settings_.factor * honest, 0.0, first);
    repeat_row(first, out);
  }

 private:
  OmniscientSettings settings_;
};

class NegativeOfFirst : public MessageAttack {
 public:
  Status check(std::size_t honest, std::size_t) const override {
    return check_sees_honest("negative_of_first", honest);
  }
  void forge(const AttackView& view, std::span<float> out) override {
    const std::span<float> first = out.first(view.dimension());
    for (std::size_t i = 0; i < first.size(); ++i) first[i] = -view.honest.front()[i];
    repeat_row(first, out);
  }
};

Result<std::unique_ptr<Attack>> make_omniscient(const OmniscientSettings& settings) {
  return {std::make_unique<Omniscient>(settings)};
}
Result<std::unique_ptr<Attack>> make_negative_of_first(const NoSettings&) {
  return {std::make_unique<NegativeOfFirst>()};
}

}  // namespace

void describe(Settings& s, OmniscientSettings& v) {
  s.real("factor", v.factor, "liars send -factor times the sum of the honest rows",
         {.range = above(0), .paper = "1802.10116"});
}

CatalogueEntry<Attack> omniscient_entry() {
  return catalogue_entry<Attack, OmniscientSettings>(
      "omniscient", "a huge negative multiple of the honest sum", "1802.10116", &make_omniscient);
}
CatalogueEntry<Attack> negative_of_first_entry() {
  return catalogue_entry<Attack, NoSettings>("negative_of_first",
                                             "minus the row of the first honest sender",
                                             "1805.10032", &make_negative_of_first);
}

}  // namespace shoal
