#include "shoal/attack/blind_attacks.h"

#include <algorithm>
#include <limits>

namespace shoal {
namespace {

class Constant : public MessageAttack {
 public:
  explicit Constant(float value) : value_(value) {}
  void forge(const AttackView&, std::span<float> out) override { std::ranges::fill(out, value_); }

 private:
  float value_;
};

class Uniform : public MessageAttack {
 public:
  void forge(const AttackView& view, std::span<float> out) override {
    RandomStream stream = view.stream;
    // 24 bits, so that rounding to float cannot reach 1.
    for (float& value : out) value = static_cast<float>(stream.bits32() >> 8) * 0x1p-24f;
  }
};

Result<std::unique_ptr<Attack>> make_constant(const ConstantSettings& settings) {
  return {std::make_unique<Constant>(static_cast<float>(settings.value))};
}
Result<std::unique_ptr<Attack>> make_zero(const NoSettings&) {
  return {std::make_unique<Constant>(0.0f)};
}
Result<std::unique_ptr<Attack>> make_uniform(const NoSettings&) {
  return {std::make_unique<Uniform>()};
}
Result<std::unique_ptr<Attack>> make_not_finite(const NotFiniteSettings& settings) {
  float value = std::numeric_limits<float>::quiet_NaN();
  if (settings.value == NotFinite::kInfinity) value = std::numeric_limits<float>::infinity();
  if (settings.value == NotFinite::kMinusInfinity) value = -std::numeric_limits<float>::infinity();
  return {std::make_unique<Constant>(value)};
}

}  // namespace

void describe(Settings& s, ConstantSettings& v) {
  s.real(
      "value", v.value, "of every entry",
      {.range =
           at_least(-std::numeric_limits<float>::max()).up_to(std::numeric_limits<float>::max())});
}

void describe(Settings& s, NotFiniteSettings& v) {
  s.choice("value", v.value, "of every entry",
           {{"nan", NotFinite::kNan},
            {"infinity", NotFinite::kInfinity},
            {"minus_infinity", NotFinite::kMinusInfinity}});
}

CatalogueEntry<Attack> constant_entry() {
  return catalogue_entry<Attack, ConstantSettings>("constant", "one value everywhere", "",
                                                   &make_constant);
}
CatalogueEntry<Attack> zero_entry() {
  return catalogue_entry<Attack, NoSettings>("zero", "a row of zeros", "", &make_zero);
}
CatalogueEntry<Attack> uniform_entry() {
  return catalogue_entry<Attack, NoSettings>("uniform", "values drawn from [0, 1)", "",
                                             &make_uniform);
}
CatalogueEntry<Attack> not_finite_entry() {
  return catalogue_entry<Attack, NotFiniteSettings>(
      "not_finite", "NaN or infinity, which receivers must screen", "", &make_not_finite);
}

}  // namespace shoal
