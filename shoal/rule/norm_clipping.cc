#include "shoal/rule/norm_clipping.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "shoal/base/random.h"
#include "shoal/math/mix.h"
#include "shoal/math/normal_row.h"
#include "shoal/math/random_bits.h"
#include "shoal/math/vector.h"
#include "shoal/rule/choose.h"

namespace shoal {
namespace {

Status check_some(const char* rule, std::size_t n) {
  if (n > 0) return ok_status();
  return invalid_argument(fmt::format("{} needs n >= 1 and no rows arrived", rule));
}

Selection clipped_mean(const NormClippingSettings& settings, const RoundView& round,
                       std::span<float> out) {
  StatisticsOf statistics(round);
  const std::vector<double>& squared_norms = statistics->squared_norms();
  const double equal = 1.0 / static_cast<double>(round.size());
  std::vector<double> weights;
  for (std::size_t i = 0; i < round.size(); ++i) {
    const double cut = std::max(1.0, std::sqrt(squared_norms[i]) / settings.bound);
    weights.push_back((settings.weighted ? round.weights[i] : equal) / cut);
  }
  mix_rows(round.rows, weights, out, round.pool);
  return Selection{round.senders};
}

class NormClipping : public Rule {
 public:
  explicit NormClipping(const NormClippingSettings& settings) : settings_(settings) {}

  Status check(std::size_t n, std::size_t) const override { return check_some("norm_clipping", n); }
  Result<Selection> aggregate(const RoundView& round, std::span<float> out) override {
    SHOAL_TRY_STATUS(check(round.size(), round.declared_faults));
    return clipped_mean(settings_, round, out);
  }

 private:
  NormClippingSettings settings_;
};

// out += sigma z, z standard normal.
void add_noise(RandomStream stream, double sigma, std::span<float> out) {
  constexpr std::size_t kBlock = 4096;
  std::vector<std::uint32_t> words(std::min(kBlock, out.size()));
  std::vector<float> normals(words.size());
  for (std::size_t at = 0; at < out.size(); at += kBlock) {
    const std::size_t count = std::min(kBlock, out.size() - at);
    const std::span<float> block = std::span(normals).first(count);
    fill_bits(stream, std::span(words).first(count));
    normals_of_words(std::span(words).first(count), block);
    axpy(static_cast<float>(sigma), block, out.subspan(at, count));
  }
}

class WeakDp : public Rule {
 public:
  explicit WeakDp(const WeakDpSettings& settings) : settings_(settings) {}

  Status check(std::size_t n, std::size_t) const override { return check_some("weak_dp", n); }
  Result<Selection> aggregate(const RoundView& round, std::span<float> out) override {
    SHOAL_TRY_STATUS(check(round.size(), round.declared_faults));
    Selection selection = clipped_mean(settings_.clipping, round, out);
    if (settings_.sigma > 0.0)
      add_noise(RandomStream(round.seed, purpose("weak_dp"), round.receiver, round.round),
                settings_.sigma, out);
    return selection;
  }

 private:
  WeakDpSettings settings_;
};

Result<std::unique_ptr<Rule>> make_norm_clipping(const NormClippingSettings& settings) {
  return {std::make_unique<NormClipping>(settings)};
}
Result<std::unique_ptr<Rule>> make_weak_dp(const WeakDpSettings& settings) {
  return {std::make_unique<WeakDp>(settings)};
}

}  // namespace

void describe(Settings& s, NormClippingSettings& v) {
  s.real("bound", v.bound, "the length M that longer rows are cut to",
         {.range = above(0), .paper = "1911.07963"});
  s.flag("weighted", v.weighted,
         "weigh rows as their senders claim (a liar may claim any weight); false counts all alike");
}

void describe(Settings& s, WeakDpSettings& v) {
  describe(s, v.clipping);
  s.real("sigma", v.sigma, "standard deviation of the noise on every coordinate of the aggregate",
         {.range = at_least(0), .paper = "1911.07963"});
}

CatalogueEntry<Rule> norm_clipping_entry() {
  return catalogue_entry<Rule, NormClippingSettings>(
      "norm_clipping", "the mean of rows cut to a length", "1911.07963", &make_norm_clipping);
}

CatalogueEntry<Rule> weak_dp_entry() {
  return catalogue_entry<Rule, WeakDpSettings>(
      "weak_dp", "the mean of rows cut to a length, and Gaussian noise", "1911.07963",
      &make_weak_dp);
}

}  // namespace shoal
