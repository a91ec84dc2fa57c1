#include "shoal/rule/foolsgold.h"

#include <algorithm>
#include <cmath>

#include "shoal/base/portable_math.h"
#include "shoal/math/gram.h"
#include "shoal/math/mix.h"
#include "shoal/rule/sender_history.h"

namespace shoal {
namespace {

// Sums whose cosine is this near to 1 are parallel: float rows cannot say more.
constexpr double kParallel = 1e-9;

PairMatrix cosines_of(const PairMatrix& gram) {
  PairMatrix cosines{gram.n, std::vector<double>(gram.n * gram.n, 0.0)};
  for (std::size_t i = 0; i < gram.n; ++i)
    for (std::size_t j = 0; j < gram.n; ++j) {
      const double norms = std::sqrt(gram.at(i, i)) * std::sqrt(gram.at(j, j));
      if (i != j && norms > 0.0)
        cosines.values[i * gram.n + j] = std::clamp(gram.at(i, j) / norms, -1.0, 1.0);
    }
  return cosines;
}

double largest(const PairMatrix& matrix, std::size_t i) {
  double most = matrix.at(i, 0);
  for (std::size_t j = 1; j < matrix.n; ++j) most = std::max(most, matrix.at(i, j));
  return most;
}

double logit_weight(double w) {
  if (w >= 1.0) w = 0.99;
  if (w <= 0.0) return 0.0;
  return std::clamp(portable_log(w / (1.0 - w)) + 0.5, 0.0, 1.0);
}

// Weights of the rows in [0, 1].
std::vector<double> foolsgold_weights(PairMatrix cosines) {
  const std::size_t n = cosines.n;
  std::vector<double> v(n), weights(n);
  for (std::size_t i = 0; i < n; ++i) v[i] = largest(cosines, i);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j)
      if (v[i] < v[j]) cosines.values[i * n + j] *= v[i] / v[j];
  for (std::size_t i = 0; i < n; ++i) weights[i] = std::clamp(1.0 - largest(cosines, i), 0.0, 1.0);
  for (double& w : weights)
    if (w < kParallel) w = 0.0;
  const double most = *std::max_element(weights.begin(), weights.end());
  for (double& w : weights) w = most > 0.0 ? logit_weight(w / most) : 0.0;
  return weights;
}

class Foolsgold : public Rule {
 public:
  explicit Foolsgold(const FoolsgoldSettings& settings) : settings_(settings) {}

  Status check(std::size_t n, std::size_t) const override {
    if (n == 0) return invalid_argument("foolsgold needs n >= 1 and no rows arrived");
    return ok_status();
  }

  Result<Selection> aggregate(const RoundView& round, std::span<float> out) override {
    SHOAL_TRY_STATUS(check(round.size(), round.declared_faults));
    SHOAL_TRY_STATUS(history_.check(round, "foolsgold"));
    history_.add(round);
    std::vector<Row> sums;
    for (const std::uint32_t sender : round.senders) sums.emplace_back(history_.of(sender).sum);
    std::vector<double> weights = foolsgold_weights(cosines_of(gram_matrix(sums, round.pool)));
    Selection selection;
    double total = 0.0;
    for (std::size_t i = 0; i < round.size(); ++i) {
      total += weights[i];
      if (weights[i] > 0.0) selection.kept.push_back(round.senders[i]);
    }
    if (settings_.output == FoolsgoldOutput::kNormalised && total > 0.0)
      for (double& weight : weights) weight /= total;
    mix_rows(round.rows, weights, out, round.pool);
    return selection;
  }

  void save(ByteWriter& out) const override { history_.save(out); }
  Status load(ByteReader& in) override { return history_.load(in); }

 private:
  FoolsgoldSettings settings_;
  SenderHistory history_{0};
};

Result<std::unique_ptr<Rule>> make_foolsgold(const FoolsgoldSettings& settings) {
  return {std::make_unique<Foolsgold>(settings)};
}

}  // namespace

void describe(Settings& s, FoolsgoldSettings& v) {
  s.choice("output", v.output, "the weighted sum of the rows, divided by the sum of weights or not",
           {{"normalised", FoolsgoldOutput::kNormalised}, {"sum", FoolsgoldOutput::kSum}});
}

CatalogueEntry<Rule> foolsgold_entry() {
  return catalogue_entry<Rule, FoolsgoldSettings>(
      "foolsgold", "senders whose rows so far point the same way lose their weight", "1808.04866",
      &make_foolsgold);
}

}  // namespace shoal
