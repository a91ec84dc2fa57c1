#include "shoal/rule/geometric_median.h"

#include <cmath>
#include <optional>

#include "shoal/math/coordinate.h"
#include "shoal/math/mix.h"
#include "shoal/math/weiszfeld.h"
#include "shoal/rule/coordinate_rules.h"
#include "shoal/rule/last_output.h"
#include "shoal/rule/round_statistics.h"

namespace shoal {
namespace {

std::vector<double> roots(std::vector<double> squares) {
  for (double& value : squares) value = std::sqrt(value);
  return squares;
}

std::vector<double> distances_to_point(const RoundView& round, Row point) {
  return roots(squared_distances_to(round.rows, point, round.pool));
}

std::vector<double> distances_to_zero(const PairMatrix& gram) {
  std::vector<double> norms(gram.n);
  for (std::size_t i = 0; i < gram.n; ++i) norms[i] = std::sqrt(gram.at(i, i));
  return norms;
}

class GeometricMedian : public Rule {
 public:
  explicit GeometricMedian(const GeometricMedianSettings& settings) : settings_(settings) {}

  Status check(std::size_t n, std::size_t f) const override {
    return check_majority("geometric_median", n, f);
  }

  Result<Selection> aggregate(const RoundView& round, std::span<float> out) override {
    SHOAL_TRY_STATUS(check(round.size(), round.declared_faults));
    StatisticsOf statistics(round);
    const PairMatrix& gram = statistics->gram();
    const std::vector<double> ones(round.size(), 1.0);
    const std::vector<double> b =
        weiszfeld(gram, ones, start(round, gram, out),
                  {.passes = static_cast<std::size_t>(settings_.iterations),
                   .smoothing = settings_.smoothing,
                   .tolerance = settings_.tolerance});
    mix_rows(round.rows, b, out, round.pool);
    return Selection{round.senders};
  }

 private:
  std::vector<double> start(const RoundView& round, const PairMatrix& gram,
                            std::span<float> scratch) const {
    switch (settings_.start) {
      case WeiszfeldStart::kMedian:
        coordinate_median(round.rows, scratch, round.pool);
        return distances_to_point(round, scratch);
      case WeiszfeldStart::kZero:
        return distances_to_zero(gram);
      case WeiszfeldStart::kMean: {
        const std::vector<double> equal(gram.n, 1.0 / static_cast<double>(gram.n));
        return distances_to_combination(gram, equal);
      }
      case WeiszfeldStart::kCore:
        break;
    }
    return distances_to_combination(gram, core_of(gram));
  }

  GeometricMedianSettings settings_;
};

class Rfa : public Rule {
 public:
  explicit Rfa(const RfaSettings& settings) : settings_(settings) {}

  Status check(std::size_t n, std::size_t f) const override { return check_majority("rfa", n, f); }

  Result<Selection> aggregate(const RoundView& round, std::span<float> out) override {
    SHOAL_TRY_STATUS(check(round.size(), round.declared_faults));
    SHOAL_TRY_STATUS(last_.check("rfa", round.dimension()));
    StatisticsOf statistics(round);
    const PairMatrix& gram = statistics->gram();
    std::vector<double> distances = last_.empty() ? distances_to_combination(gram, round.weights)
                                                  : distances_to_point(round, last_.values());
    const std::vector<double> b =
        weiszfeld(gram, round.weights, std::move(distances),
                  {.passes = static_cast<std::size_t>(settings_.iterations),
                   .smoothing = settings_.smoothing});
    mix_rows(round.rows, b, out, round.pool);
    if (settings_.warm_start) last_.set(out);
    Selection selection;
    for (std::size_t i = 0; i < round.size(); ++i)
      if (round.weights[i] > 0) selection.kept.push_back(round.senders[i]);
    return selection;
  }

  void save(ByteWriter& out) const override { last_.save(out); }
  Status load(ByteReader& in) override { return last_.load("rfa", in); }

 private:
  RfaSettings settings_;
  LastOutput last_;  // stays empty without warm_start
};

Result<std::unique_ptr<Rule>> make_geometric_median(const GeometricMedianSettings& settings) {
  return {std::make_unique<GeometricMedian>(settings)};
}
Result<std::unique_ptr<Rule>> make_rfa(const RfaSettings& settings) {
  return {std::make_unique<Rfa>(settings)};
}

}  // namespace

void describe(Settings& s, GeometricMedianSettings& v) {
  s.choice("start", v.start,
           "where the iteration begins: the mean of the majority closest together, "
           "the mean or the coordinate median of all, or zero",
           {{"core", WeiszfeldStart::kCore},
            {"mean", WeiszfeldStart::kMean},
            {"median", WeiszfeldStart::kMedian},
            {"zero", WeiszfeldStart::kZero}});
  s.real("smoothing", v.smoothing, "nu, the least distance that is divided by",
         {.range = above(0)});
  s.real(
      "tolerance", v.tolerance,
      "stop when the mean of the unit vectors towards the rows is no longer than this; 0 takes all "
      "passes",
      {.range = at_least(0)});
  s.integer("iterations", v.iterations, "passes at most", {.range = at_least(1).up_to(1e6)});
}

void describe(Settings& s, RfaSettings& v) {
  s.integer("iterations", v.iterations, "passes T", {.range = at_least(1).up_to(1e6)});
  s.real("smoothing", v.smoothing, "nu, the least distance that is divided by",
         {.range = above(0)});
  s.flag("warm_start", v.warm_start,
         "begin at the last round's aggregate, not at the weighted mean");
}

CatalogueEntry<Rule> geometric_median_entry() {
  return catalogue_entry<Rule, GeometricMedianSettings>(
      "geometric_median", "the point with the least sum of distances to all rows; n > 2f",
      "1802.10116", &make_geometric_median);
}

CatalogueEntry<Rule> rfa_entry() {
  return catalogue_entry<Rule, RfaSettings>(
      "rfa", "a few passes towards the geometric median, weighted as senders claim; n > 2f",
      "1912.13445", &make_rfa);
}

}  // namespace shoal
