#include "shoal/rule/krum.h"

#include <algorithm>
#include <fmt/format.h>

#include "shoal/rule/choose.h"

namespace shoal {
namespace {

Status check_krum(const char* rule, std::size_t n, std::size_t f) {
  if (n >= 2 * f + 3) return ok_status();
  return invalid_argument(
      fmt::format("{} needs n >= 2f+3 = {} and {} rows arrived", rule, 2 * f + 3, n));
}

// The mean of the m rows of the lowest scores.
Selection mean_of_lowest(const RoundView& round, std::size_t m, std::span<float> out) {
  StatisticsOf statistics(round);
  const KrumScores scores(statistics->squared_distances());
  std::vector<double> all;
  for (std::size_t i = 0; i < round.size(); ++i)
    all.push_back(scores.score(i, round.size() - round.declared_faults - 2));
  return keep_mean(round, smallest(all, m), out);
}

class Krum : public Rule {
 public:
  Status check(std::size_t n, std::size_t f) const override { return check_krum("krum", n, f); }

  Result<Selection> aggregate(const RoundView& round, std::span<float> out) override {
    SHOAL_TRY_STATUS(check(round.size(), round.declared_faults));
    return mean_of_lowest(round, 1, out);
  }
};

class MultiKrum : public Rule {
 public:
  explicit MultiKrum(const MultiKrumSettings& settings)
      : m_(static_cast<std::size_t>(settings.m)) {}

  Status check(std::size_t n, std::size_t f) const override {
    SHOAL_TRY_STATUS(check_krum("multi_krum", n, f));
    if (m_ <= n - f - 2) return ok_status();
    return invalid_argument(
        fmt::format("multi_krum averages at most n-f-2 = {} of {} rows with f = {}; lower m = {}",
                    n - f - 2, n, f, m_));
  }

  Result<Selection> aggregate(const RoundView& round, std::span<float> out) override {
    SHOAL_TRY_STATUS(check(round.size(), round.declared_faults));
    const std::size_t most = round.size() - round.declared_faults - 2;
    return mean_of_lowest(round, m_ == 0 ? most : m_, out);
  }

 private:
  std::size_t m_;
};

Result<std::unique_ptr<Rule>> make_krum(const NoSettings&) { return {std::make_unique<Krum>()}; }

Result<std::unique_ptr<Rule>> make_multi_krum(const MultiKrumSettings& settings) {
  return {std::make_unique<MultiKrum>(settings)};
}

}  // namespace

KrumScores::KrumScores(const PairMatrix& squared_distances)
    : n_(squared_distances.n), present_(n_, true) {
  sorted_.reserve(n_ * n_);
  for (std::uint32_t i = 0; i < n_; ++i) {
    const auto begin = static_cast<std::ptrdiff_t>(sorted_.size());
    for (std::uint32_t j = 0; j < n_; ++j)
      if (j != i) sorted_.push_back({squared_distances.at(i, j), j});
    std::sort(sorted_.begin() + begin, sorted_.end(), [](const Neighbour& a, const Neighbour& b) {
      return a.distance != b.distance ? a.distance < b.distance : a.row < b.row;
    });
  }
}

double KrumScores::score(std::size_t row, std::size_t neighbours) const {
  double sum = 0.0;
  for (const Neighbour* at = sorted_.data() + row * (n_ - 1); neighbours > 0; ++at) {
    if (!present_[at->row]) continue;
    sum += at->distance;
    --neighbours;
  }
  return sum;
}

void describe(Settings& s, MultiKrumSettings& v) {
  s.integer("m", v.m, "how many rows are averaged; 0 for all that n allows, n-f-2",
            {.range = at_least(0), .unit = "rows", .paper = "1703.02757"});
}

CatalogueEntry<Rule> krum_entry() {
  return catalogue_entry<Rule, NoSettings>(
      "krum", "the row nearest to its n-f-2 nearest others; n >= 2f+3", "1703.02757", &make_krum);
}

CatalogueEntry<Rule> multi_krum_entry() {
  return catalogue_entry<Rule, MultiKrumSettings>(
      "multi_krum", "the mean of the m rows of lowest Krum score; n >= 2f+3", "1703.02757",
      &make_multi_krum);
}

}  // namespace shoal
