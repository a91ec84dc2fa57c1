#include "shoal/rule/zeno_plus_plus.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>

#include "shoal/math/mix.h"
#include "shoal/math/vector.h"
#include "shoal/rule/choose.h"

namespace shoal {
namespace {

class ZenoPlusPlus : public Rule {
 public:
  explicit ZenoPlusPlus(const ZenoPlusPlusSettings& settings) : settings_(settings) {}

  Status check(std::size_t n, std::size_t) const override {
    if (n == 0) return invalid_argument("zeno_plus_plus needs n >= 1 and no rows arrived");
    return ok_status();
  }

  RuleNeeds needs() const override { return {.trusted_row = true}; }

  Result<Selection> aggregate(const RoundView& round, std::span<float> out) override {
    SHOAL_TRY_STATUS(check(round.size(), round.declared_faults));
    SHOAL_TRY_STATUS(check_trusted("zeno_plus_plus", round));
    const double length = std::sqrt(squared_norm(round.trusted));
    if (!(length <= std::numeric_limits<float>::max()))
      return invalid_argument(
          fmt::format("zeno_plus_plus: the trusted row's norm {} is beyond any float; lower the "
                      "learning rate",
                      length));
    std::vector<Row> accepted;
    std::vector<double> factors;
    Selection selection;
    for (std::size_t i = 0; i < round.size(); ++i) {
      const double norm = std::sqrt(squared_norm(round.rows[i]));
      if (norm == 0.0 || !accepts(round.trusted, round.rows[i], length, norm)) continue;
      accepted.push_back(round.rows[i]);
      factors.push_back(length / norm);
      selection.kept.push_back(round.senders[i]);
    }
    for (double& factor : factors) factor /= static_cast<double>(accepted.size());
    if (accepted.empty()) {
      std::fill(out.begin(), out.end(), 0.0f);
    } else {
      mix_rows(accepted, factors, out, round.pool);
    }
    return selection;
  }

 private:
  bool accepts(Row trusted, Row received, double length, double norm) const {
    const double inner = dot(trusted, received) * (length / norm);
    const double penalised = settings_.penalty == ZenoPenalty::kRescaled ? length : norm;
    const double score = settings_.gamma * inner - settings_.rho * (penalised * penalised);
    return score >= -settings_.gamma * settings_.epsilon;
  }

  ZenoPlusPlusSettings settings_;
};

Result<std::unique_ptr<Rule>> make_zeno_plus_plus(const ZenoPlusPlusSettings& settings) {
  if (settings.rho >= settings.gamma && settings.epsilon == 0.0)
    return invalid_argument(
        fmt::format("rho = {} >= gamma = {} with epsilon = 0 asks for a cosine of {:.3g} or more, "
                    "so nothing can pass; lower rho or set epsilon",
                    settings.rho, settings.gamma, settings.rho / settings.gamma));
  return {std::make_unique<ZenoPlusPlus>(settings)};
}

}  // namespace

void describe(Settings& s, ZenoPlusPlusSettings& v) {
  s.real("gamma", v.gamma, "learning rate of the score",
         {.range = above(0), .paper = "1903.07020"});
  s.real("rho", v.rho, "penalty on the squared norm",
         {.range = at_least(0), .paper = "1903.07020"});
  s.real("epsilon", v.epsilon, "how far below 0 a score / gamma may be",
         {.range = at_least(0), .paper = "1903.07020"});
  s.choice("penalty", v.penalty,
           "the norm that rho punishes: of the row rescaled (the paper) or as received (its code)",
           {{"rescaled", ZenoPenalty::kRescaled}, {"received", ZenoPenalty::kReceived}});
}

CatalogueEntry<Rule> zeno_plus_plus_entry() {
  return catalogue_entry<Rule, ZenoPlusPlusSettings>(
      "zeno_plus_plus", "a row that agrees with the receiver's own gradient, at its length",
      "1903.07020", &make_zeno_plus_plus);
}

}  // namespace shoal
