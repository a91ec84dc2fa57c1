#include "shoal/attack/mimic.h"

#include <algorithm>
#include <cmath>

#include "shoal/attack/honest_statistics.h"

namespace shoal {
namespace {

double along(std::span<const float> row, std::span<const double> z) {
  double product = 0.0;
  for (std::size_t i = 0; i < z.size(); ++i) product += static_cast<double>(row[i]) * z[i];
  return product;
}

void normalise(std::span<double> z) {
  double squared = 0.0;
  for (const double value : z) squared += value * value;
  if (squared == 0.0 || !std::isfinite(squared)) return;
  const double norm = std::sqrt(squared);
  for (double& value : z) value /= norm;
}

class Mimic : public MessageAttack {
 public:
  explicit Mimic(const MimicSettings& settings) : settings_(settings) {}

  Status check(std::size_t honest, std::size_t) const override {
    return check_sees_honest("mimic", honest);
  }

  void forge(const AttackView& view, std::span<float> out) override {
    if (rounds_ < static_cast<std::uint64_t>(settings_.warm_up)) learn(view);
    const auto& senders = view.honest_senders;
    const auto place = std::ranges::find(senders, target_);
    const std::size_t copied =
        place != senders.end() ? static_cast<std::size_t>(place - senders.begin()) : farthest(view);
    repeat_row(view.honest[copied], out);
  }

  void save(ByteWriter& out) const override {
    out.number(rounds_);
    out.number(target_);
    out.numbers<double>(z_);
  }
  Status load(ByteReader& in) override {
    SHOAL_TRY(rounds_, in.number<std::uint64_t>());
    SHOAL_TRY(target_, in.number<std::uint32_t>());
    SHOAL_TRY(z_, in.numbers<double>());
    return ok_status();
  }

 private:
  void learn(const AttackView& view) {
    if (z_.empty()) {
      RandomStream stream = view.stream;
      z_.resize(view.dimension());
      for (double& value : z_) value = stream.normal();
      normalise(z_);
    }
    std::vector<double> step = z_;
    power_step(view.honest, step);
    const auto t = static_cast<double>(rounds_);
    for (std::size_t i = 0; i < z_.size(); ++i) z_[i] = (t * z_[i] + step[i]) / (t + 1.0);
    normalise(z_);
    target_ = view.honest_senders[farthest(view)];
    ++rounds_;
  }

  // Ties go to the lower sender.
  std::size_t farthest(const AttackView& view) const {
    std::size_t best = 0;
    double most = -HUGE_VAL;
    for (std::size_t i = 0; i < view.honest.size(); ++i) {
      const double product = along(view.honest[i], z_);
      if (product > most) {
        most = product;
        best = i;
      }
    }
    return best;
  }

  MimicSettings settings_;
  std::uint64_t rounds_ = 0;  // of the warm-up
  std::uint32_t target_ = 0;
  std::vector<double> z_;
};

Result<std::unique_ptr<Attack>> make_mimic(const MimicSettings& settings) {
  return {std::make_unique<Mimic>(settings)};
}

}  // namespace

void power_step(std::span<const std::span<const float>> honest, std::span<double> z) {
  const auto n = static_cast<double>(honest.size());
  std::vector<double> mean(z.size()), sum(z.size());
  for (const auto row : honest)
    for (std::size_t i = 0; i < mean.size(); ++i) mean[i] += static_cast<double>(row[i]) / n;
  for (const auto row : honest) {
    double product = 0.0;
    for (std::size_t i = 0; i < z.size(); ++i)
      product += (static_cast<double>(row[i]) - mean[i]) * z[i];
    for (std::size_t i = 0; i < z.size(); ++i)
      sum[i] += product * (static_cast<double>(row[i]) - mean[i]);
  }
  if (std::ranges::all_of(sum, [](double value) { return value == 0.0; })) return;
  std::ranges::copy(sum, z.begin());
  normalise(z);
}

void describe(Settings& s, MimicSettings& v) {
  s.integer("warm_up", v.warm_up, "the worker to copy is chosen anew in the first so many rounds",
            {.range = at_least(1), .unit = "rounds", .paper = "2006.09365"});
}

CatalogueEntry<Attack> mimic_entry() {
  return catalogue_entry<Attack, MimicSettings>(
      "mimic", "all liars copy the honest worker that differs most", "2006.09365", &make_mimic);
}

}  // namespace shoal
