#include "shoal/attack/simple_attacks.h"

#include <algorithm>

#include "shoal/attack/honest_statistics.h"

namespace shoal {
namespace {

std::size_t dimension_of(const AttackView& view, std::span<float> out) {
  return view.liars.empty() ? 0 : out.size() / view.liars.size();
}

// Every liar's row becomes factor times its centre.
void write_centres(const AttackView& view, AttackCentre centre, double factor,
                   std::span<float> out) {
  const std::size_t d = dimension_of(view, out);
  if (view.liars.empty()) return;
  if (centre == AttackCentre::kMean) {
    combine_honest(view.honest, factor, 0.0, out.first(d));
    repeat_row(out.first(d), out);
    return;
  }
  for (std::size_t liar = 0; liar < view.liars.size(); ++liar) {
    for (std::size_t c = 0; c < d; ++c)
      out[liar * d + c] = centre == AttackCentre::kZero
                              ? 0.0f
                              : static_cast<float>(factor * static_cast<double>(view.own[liar][c]));
  }
}

class None : public MessageAttack {
 public:
  void forge(const AttackView& view, std::span<float> out) override {
    write_centres(view, AttackCentre::kOwn, 1.0, out);
  }
};

class SignFlip : public MessageAttack {
 public:
  explicit SignFlip(const SignFlipSettings& settings) : settings_(settings) {}
  Status check(std::size_t honest, std::size_t) const override {
    return settings_.of == AttackCentre::kMean ? check_sees_honest("sign_flip", honest)
                                               : ok_status();
  }
  void forge(const AttackView& view, std::span<float> out) override {
    write_centres(view, settings_.of, -settings_.scale, out);
  }

 private:
  SignFlipSettings settings_;
};

class GaussianNoise : public MessageAttack {
 public:
  explicit GaussianNoise(const GaussianNoiseSettings& settings) : settings_(settings) {}
  Status check(std::size_t honest, std::size_t) const override {
    return settings_.around == AttackCentre::kMean ? check_sees_honest("gaussian_noise", honest)
                                                   : ok_status();
  }
  void forge(const AttackView& view, std::span<float> out) override {
    write_centres(view, settings_.around, 1.0, out);
    RandomStream stream = view.stream;
    for (float& value : out)
      value = static_cast<float>(static_cast<double>(value) + settings_.sigma * stream.normal());
  }

 private:
  GaussianNoiseSettings settings_;
};

Result<std::unique_ptr<Attack>> make_none(const NoSettings&) { return {std::make_unique<None>()}; }
Result<std::unique_ptr<Attack>> make_sign_flip(const SignFlipSettings& settings) {
  return {std::make_unique<SignFlip>(settings)};
}
Result<std::unique_ptr<Attack>> make_gaussian_noise(const GaussianNoiseSettings& settings) {
  return {std::make_unique<GaussianNoise>(settings)};
}

}  // namespace

void describe(Settings& s, SignFlipSettings& v) {
  s.real("scale", v.scale, "the row is multiplied by -scale", {.range = above(0)});
  s.choice("of", v.of, "what is flipped",
           {{"own", AttackCentre::kOwn}, {"mean", AttackCentre::kMean}});
}

void describe(Settings& s, GaussianNoiseSettings& v) {
  s.real("sigma", v.sigma, "standard deviation of the noise", {.range = above(0)});
  s.choice(
      "around", v.around, "what the noise is added to",
      {{"zero", AttackCentre::kZero}, {"own", AttackCentre::kOwn}, {"mean", AttackCentre::kMean}});
}

CatalogueEntry<Attack> none_entry() {
  return catalogue_entry<Attack, NoSettings>("none", "liars behave", "", &make_none);
}
CatalogueEntry<Attack> sign_flip_entry() {
  return catalogue_entry<Attack, SignFlipSettings>("sign_flip", "the opposite of the own row", "",
                                                   &make_sign_flip);
}
CatalogueEntry<Attack> gaussian_noise_entry() {
  return catalogue_entry<Attack, GaussianNoiseSettings>("gaussian_noise", "random values", "",
                                                        &make_gaussian_noise);
}

}  // namespace shoal
