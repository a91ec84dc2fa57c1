#include "shoal/rule/clipping.h"

#include <algorithm>
#include <cmath>

#include "shoal/base/thread_pool.h"
#include "shoal/math/vector.h"
#include "shoal/rule/choose.h"
#include "shoal/rule/coordinate_rules.h"

namespace shoal {
namespace {

// The rows, those longer than `length` cut down to it.
std::vector<Row> clipped_rows(const RoundView& round, std::span<const double> squared_norms,
                              double length, MadeRows& made) {
  std::vector<std::size_t> longer;
  for (std::size_t i = 0; i < round.size(); ++i)
    if (std::sqrt(squared_norms[i]) > length) longer.push_back(i);
  std::vector<Row> rows = round.rows;
  const auto cut = made.make(longer.size(), round.dimension());
  for_each_block(round.pool, longer.size(), [&](std::size_t k) {
    const double factor = length / std::sqrt(squared_norms[longer[k]]);
    weighted_sum({&round.rows[longer[k]], 1}, {&factor, 1}, cut[k]);
    rows[longer[k]] = cut[k];
  });
  return rows;
}

class Clipping : public PreAggregator {
 public:
  explicit Clipping(const ClippingSettings& settings) : c_(settings.c) {}

  bool mixes_senders() const override { return false; }
  Status check(std::size_t n, std::size_t) const override {
    if (n == 0) return invalid_argument("clipping needs n >= 1 and no rows arrived");
    return ok_status();
  }
  Result<std::vector<Row>> transform(const RoundView& round, MadeRows& made) override {
    SHOAL_TRY_STATUS(check(round.size(), round.declared_faults));
    StatisticsOf statistics(round);
    return clipped_rows(round, statistics->squared_norms(), c_, made);
  }

 private:
  double c_;
};

class Arc : public PreAggregator {
 public:
  bool mixes_senders() const override { return false; }
  Status check(std::size_t n, std::size_t f) const override { return check_majority("arc", n, f); }
  Result<std::vector<Row>> transform(const RoundView& round, MadeRows& made) override {
    const std::size_t n = round.size(), f = round.declared_faults;
    SHOAL_TRY_STATUS(check(n, f));
    StatisticsOf statistics(round);
    std::vector<double> descending = statistics->squared_norms();
    std::sort(descending.begin(), descending.end(), std::greater<>());
    const std::size_t clipped = 2 * f * (n - f) / n;
    return clipped_rows(round, statistics->squared_norms(), std::sqrt(descending[clipped]), made);
  }
};

Result<std::unique_ptr<PreAggregator>> make_clipping(const ClippingSettings& settings) {
  return {std::make_unique<Clipping>(settings)};
}
Result<std::unique_ptr<PreAggregator>> make_arc(const NoSettings&) {
  return {std::make_unique<Arc>()};
}

}  // namespace

void describe(Settings& s, ClippingSettings& v) {
  s.real("c", v.c, "the length that longer rows are cut to", {.range = above(0)});
}

CatalogueEntry<PreAggregator> clipping_entry() {
  return catalogue_entry<PreAggregator, ClippingSettings>(
      "clipping", "rows longer than c are cut to that length", "2405.14432", &make_clipping);
}
CatalogueEntry<PreAggregator> arc_entry() {
  return catalogue_entry<PreAggregator, NoSettings>(
      "arc", "the longest rows are cut to the length of the next, by n and f; n > 2f", "2405.14432",
      &make_arc);
}

}  // namespace shoal
