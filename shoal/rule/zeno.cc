#include "shoal/rule/zeno.h"

#include <cmath>
#include <fmt/format.h>
#include <limits>

#include "shoal/rule/choose.h"

namespace shoal {
namespace {

class Zeno : public Rule {
 public:
  explicit Zeno(const ZenoSettings& settings)
      : trim_(static_cast<std::size_t>(settings.trim)),
        rho_(settings.rho),
        validation_rows_(static_cast<std::size_t>(settings.validation_rows)) {}

  Status check(std::size_t n, std::size_t f) const override {
    if (trim_ >= n)
      return invalid_argument(
          fmt::format("zeno drops trim = {} rows and {} arrived; set trim < n", trim_, n));
    if (f <= trim_) return ok_status();
    return invalid_argument(fmt::format(
        "zeno drops trim = {} rows, which leaves some of f = {} liars in; set trim >= f", trim_,
        f));
  }

  RuleNeeds needs() const override { return {.validation_rows = validation_rows_}; }

  Result<Selection> aggregate(const RoundView& round, std::span<float> out) override {
    SHOAL_TRY_STATUS(check(round.size(), round.declared_faults));
    if (!round.validation)
      return invalid_argument("zeno scores rows by the receiver's validation loss; give it one");
    const double before = round.validation->before();
    if (!std::isfinite(before))
      return invalid_argument(fmt::format(
          "zeno cannot rank rows: the model's own validation loss is {} before any", before));
    StatisticsOf statistics(round);
    const std::vector<double>& squared_norms = statistics->squared_norms();
    std::vector<double> badness;  // minus the score
    for (std::size_t i = 0; i < round.size(); ++i) {
      const double score =
          before - round.validation->after(round.rows[i]) - rho_ * squared_norms[i];
      badness.push_back(std::isfinite(score) ? -score : std::numeric_limits<double>::infinity());
    }
    return keep_mean(round, smallest(badness, round.size() - trim_), out);
  }

 private:
  std::size_t trim_;
  double rho_;
  std::size_t validation_rows_;
};

Result<std::unique_ptr<Rule>> make_zeno(const ZenoSettings& settings) {
  return {std::make_unique<Zeno>(settings)};
}

}  // namespace

void describe(Settings& s, ZenoSettings& v) {
  s.integer("trim", v.trim, "the rows of lowest score that are dropped (b), at least f",
            {.range = at_least(0), .unit = "rows", .paper = "1805.10032"});
  s.real("rho", v.rho, "penalty on the squared norm; the paper takes the learning rate / 200",
         {.range = at_least(0), .paper = "1805.10032"});
  s.integer("validation_rows", v.validation_rows, "drawn anew every round to score by (n_r)",
            {.range = at_least(1), .unit = "rows", .paper = "1805.10032"});
}

CatalogueEntry<Rule> zeno_entry() {
  return catalogue_entry<Rule, ZenoSettings>(
      "zeno", "the mean of the rows that lower the receiver's own validation loss most",
      "1805.10032", &make_zeno);
}

}  // namespace shoal
