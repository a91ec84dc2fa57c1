#include "shoal/attack/inner_product.h"

#include "shoal/attack/honest_statistics.h"

namespace shoal {
namespace {

class InnerProduct : public MessageAttack {
 public:
  explicit InnerProduct(const InnerProductSettings& settings) : settings_(settings) {}

  Status check(std::size_t honest, std::size_t) const override {
    return check_sees_honest("inner_product", honest);
  }

  bool probes() const override { return settings_.search.optimise; }

  void forge(const AttackView& view, std::span<float> out) override {
    if (view.liars.empty()) return;
    const std::span<float> first = out.first(out.size() / view.liars.size());
    const auto row_at = [&view](double scale, std::span<float> row) {
      combine_honest(view.honest, -scale, 0.0, row);
    };
    const LineSearchSettings& search = settings_.search;
    row_at(search.optimise ? search_factor(search, view, row_at) : settings_.scale, first);
    repeat_row(first, out);
  }

 private:
  InnerProductSettings settings_;
};

Result<std::unique_ptr<Attack>> make_inner_product(const InnerProductSettings& settings) {
  return {std::make_unique<InnerProduct>(settings)};
}

}  // namespace

void describe(Settings& s, InnerProductSettings& v) {
  s.real("scale", v.scale, "liars send -scale times the honest mean; 0 sends zeros",
         {.range = at_least(0), .paper = "1903.03936"});
  describe(s, v.search);
}

CatalogueEntry<Attack> inner_product_entry() {
  return catalogue_entry<Attack, InnerProductSettings>(
      "inner_product", "a small negative multiple of the honest mean", "1903.03936",
      &make_inner_product);
}

}  // namespace shoal
