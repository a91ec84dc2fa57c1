#include "shoal/rule/centred_clipping.h"

#include <algorithm>
#include <cmath>

#include "shoal/math/gram.h"
#include "shoal/math/mix.h"
#include "shoal/rule/coordinate_rules.h"
#include "shoal/rule/last_output.h"

namespace shoal {
namespace {

// One step of the coefficients b of v = v_0 + sum b_i (x_i - v_0), given ||x_i - v||^2.
void step(std::vector<double>& b, const std::vector<double>& squared_distances, double tau) {
  const double share = 1.0 / static_cast<double>(b.size());
  std::vector<double> clipped(b.size());
  double total = 0.0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    const double distance = std::sqrt(squared_distances[i]);
    clipped[i] = share * (distance > tau ? tau / distance : 1.0);
    total += clipped[i];
  }
  for (std::size_t i = 0; i < b.size(); ++i) b[i] = b[i] * (1.0 - total) + clipped[i];
}

// ||x_i - v||^2 from the inner products of the x_i - v_0.
std::vector<double> squared_distances_in(const PairMatrix& gram, const std::vector<double>& b) {
  std::vector<double> distances(gram.n, 0.0);
  double squared_norm = 0.0;
  for (std::size_t i = 0; i < gram.n; ++i) {
    for (std::size_t j = 0; j < gram.n; ++j) distances[i] += gram.at(i, j) * b[j];
    squared_norm += b[i] * distances[i];
  }
  for (std::size_t i = 0; i < gram.n; ++i)
    distances[i] = std::max(0.0, gram.at(i, i) - 2 * distances[i] + squared_norm);
  return distances;
}

class CentredClipping : public Rule {
 public:
  explicit CentredClipping(const CentredClippingSettings& settings) : settings_(settings) {}

  Status check(std::size_t n, std::size_t f) const override {
    return check_majority("centred_clipping", n, f);
  }

  Result<Selection> aggregate(const RoundView& round, std::span<float> out) override {
    SHOAL_TRY_STATUS(check(round.size(), round.declared_faults));
    SHOAL_TRY_STATUS(last_.check("centred_clipping", round.dimension()));
    std::vector<float> zero;
    if (last_.empty()) zero.resize(round.dimension());
    const Row centre = last_.empty() ? Row(zero) : Row(last_.values());
    std::vector<double> b = steps(round, centre);
    double rest = 1.0;
    for (const double share : b) rest -= share;
    std::vector<Row> rows = round.rows;
    rows.push_back(centre);
    b.push_back(rest);
    mix_rows(rows, b, out, round.pool);
    last_.set(out);
    return Selection{round.senders};
  }

  void save(ByteWriter& out) const override { last_.save(out); }
  Status load(ByteReader& in) override { return last_.load("centred_clipping", in); }

 private:
  std::vector<double> steps(const RoundView& round, Row centre) const {
    std::vector<double> b(round.size(), 0.0);
    if (settings_.iterations == 1) {
      step(b, squared_distances_to(round.rows, centre, round.pool), settings_.tau);
      return b;
    }
    const PairMatrix gram = gram_matrix(round.rows, centre, round.pool);
    for (std::int64_t l = 0; l < settings_.iterations; ++l)
      step(b, squared_distances_in(gram, b), settings_.tau);
    return b;
  }

  CentredClippingSettings settings_;
  LastOutput last_;
};

Result<std::unique_ptr<Rule>> make_centred_clipping(const CentredClippingSettings& settings) {
  return {std::make_unique<CentredClipping>(settings)};
}

}  // namespace

void describe(Settings& s, CentredClippingSettings& v) {
  s.real("tau", v.tau, "the longest step towards a row, in its own units", {.range = above(0)});
  s.integer("iterations", v.iterations, "steps L a round", {.range = at_least(1).up_to(1e6)});
}

CatalogueEntry<Rule> centred_clipping_entry() {
  return catalogue_entry<Rule, CentredClippingSettings>(
      "centred_clipping", "clipped steps from the last aggregate towards the rows; n > 2f",
      "2012.10333", &make_centred_clipping);
}

}  // namespace shoal
