#include "shoal/attack/distance_attacks.h"

#include <algorithm>
#include <cmath>

#include "shoal/attack/honest_statistics.h"
#include "shoal/math/gram.h"

namespace shoal {
namespace {

constexpr const char* kPaper = "10.14722/ndss.2021.24498";

// ||mean - g p - x_i||^2 = far - 2 g slope + g^2 ||p||^2.
struct Honest {
  double far = 0.0;    // ||mean - x_i||^2
  double slope = 0.0;  // <p, mean - x_i>
};

class DistanceAttack : public MessageAttack {
 public:
  DistanceAttack(const DistanceAttackSettings& settings, bool of_sum)
      : settings_(settings), of_sum_(of_sum) {}

  Status check(std::size_t honest, std::size_t) const override {
    return check_sees_honest(of_sum_ ? "min_sum" : "min_max", honest);
  }

  void forge(const AttackView& view, std::span<float> out) override {
    const std::size_t d = view.dimension();
    std::vector<float> mean(d), p(d);
    combine_honest(view.honest, 1.0, 0.0, mean);
    perturbation(view, mean, p);
    const double g = squared_norm(p) > 0.0 ? largest_factor(view, mean, p) : 0.0;
    const std::span<float> first = out.first(d);
    for (std::size_t i = 0; i < d; ++i)
      first[i] = static_cast<float>(static_cast<double>(mean[i]) - g * static_cast<double>(p[i]));
    repeat_row(first, out);
  }

 private:
  void perturbation(const AttackView& view, std::span<const float> mean, std::span<float> p) const {
    if (settings_.along == Perturbation::kDeviation)
      return combine_honest(view.honest, 0.0, 1.0, p);
    const double norm = std::sqrt(squared_norm(mean));
    for (std::size_t i = 0; i < p.size(); ++i) {
      const auto value = static_cast<double>(mean[i]);
      const double sign = value > 0.0 ? 1.0 : value < 0.0 ? -1.0 : 0.0;
      const double unit = norm > 0.0 ? value / norm : 0.0;
      p[i] = static_cast<float>(settings_.along == Perturbation::kUnit ? unit : sign);
    }
  }

  double largest_factor(const AttackView& view, std::span<const float> mean,
                        std::span<const float> p) const {
    const std::size_t n = view.honest.size();
    const PairMatrix pairs = squared_distances(view.honest);
    const double squared = squared_norm(p);
    double widest = 0.0, widest_sum = 0.0, far_sum = 0.0, least = HUGE_VAL;
    std::vector<Honest> honest(n);
    for (std::size_t i = 0; i < n; ++i) {
      honest[i].far = squared_distance(mean, view.honest[i]);
      honest[i].slope = dot(p, mean) - dot(p, view.honest[i]);
      far_sum += honest[i].far;
      double row_sum = 0.0;
      for (std::size_t j = 0; j < n; ++j) {
        widest = std::max(widest, pairs.at(i, j));
        row_sum += pairs.at(i, j);
      }
      widest_sum = std::max(widest_sum, row_sum);
    }
    // The slopes add up to nothing.
    if (of_sum_)
      return std::sqrt(std::max(0.0, widest_sum - far_sum) / (static_cast<double>(n) * squared));
    for (const auto& [far, slope] : honest) {
      const double room = std::max(0.0, widest - far);
      least = std::min(least, (slope + std::sqrt(slope * slope + squared * room)) / squared);
    }
    return least;
  }

  DistanceAttackSettings settings_;
  bool of_sum_;
};

Result<std::unique_ptr<Attack>> make_min_max(const DistanceAttackSettings& settings) {
  return {std::make_unique<DistanceAttack>(settings, false)};
}
Result<std::unique_ptr<Attack>> make_min_sum(const DistanceAttackSettings& settings) {
  return {std::make_unique<DistanceAttack>(settings, true)};
}

}  // namespace

void describe(Settings& s, DistanceAttackSettings& v) {
  s.choice("along", v.along, "p, which the liars move the mean against",
           {{"deviation", Perturbation::kDeviation},
            {"unit", Perturbation::kUnit},
            {"sign", Perturbation::kSign}});
}

CatalogueEntry<Attack> min_max_entry() {
  return catalogue_entry<Attack, DistanceAttackSettings>(
      "min_max", "as far out as the two farthest honest rows are apart", kPaper, &make_min_max);
}
CatalogueEntry<Attack> min_sum_entry() {
  return catalogue_entry<Attack, DistanceAttackSettings>(
      "min_sum", "as far out in all as the most distant honest row", kPaper, &make_min_sum);
}

}  // namespace shoal
