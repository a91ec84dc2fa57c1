#include "shoal/rule/mean.h"

#include "shoal/math/mix.h"

namespace shoal {
namespace {

class Mean : public Rule {
 public:
  explicit Mean(const MeanSettings& settings) : settings_(settings) {}

  Status check(std::size_t n, std::size_t) const override {
    if (n == 0) return invalid_argument("mean needs n >= 1 and no rows arrived");
    return ok_status();
  }

  bool is_weighted_mean() const override { return settings_.weighted; }

  Result<Selection> aggregate(const RoundView& round, std::span<float> out) override {
    SHOAL_TRY_STATUS(check(round.size(), round.declared_faults));
    if (settings_.weighted) {
      mix_rows(round.rows, round.weights, out, round.pool);
    } else {
      mix_equally(round.rows, out, round.pool);
    }
    return Selection{round.senders};
  }

 private:
  MeanSettings settings_;
};

Result<std::unique_ptr<Rule>> make_mean(const MeanSettings& settings) {
  return {std::make_unique<Mean>(settings)};
}

}  // namespace

void describe(Settings& s, MeanSettings& v) {
  s.flag("weighted", v.weighted,
         "weigh rows as their senders claim (a liar may claim any weight); false counts all alike");
}

CatalogueEntry<Rule> mean_entry() {
  return catalogue_entry<Rule, MeanSettings>("mean", "the weighted mean; no liar is tolerated",
                                             "1602.05629", &make_mean);
}

}  // namespace shoal
