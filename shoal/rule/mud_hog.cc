#include "shoal/rule/mud_hog.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>

#include "shoal/math/clustering.h"
#include "shoal/math/coordinate.h"
#include "shoal/math/mix.h"
#include "shoal/rule/coordinate_rules.h"
#include "shoal/rule/sender_history.h"
#include "shoal/rule/suspicion_ledger.h"

namespace shoal {
namespace {

constexpr std::size_t kRestarts = 10;

using Places = std::vector<std::uint32_t>;  // of senders in the round, increasing

bool contains(const Places& places, std::uint32_t place) {
  return std::binary_search(places.begin(), places.end(), place);
}

std::vector<Row> rows_at(const std::vector<Row>& rows, const Places& places) {
  std::vector<Row> chosen;
  for (const std::uint32_t place : places) chosen.push_back(rows[place]);
  return chosen;
}

std::vector<float> median_of(const std::vector<Row>& rows, ThreadPool* pool) {
  std::vector<float> middle(rows.front().size());
  coordinate_median(rows, middle, pool);
  return middle;
}

// The median distance of a point to the one nearest to it.
double typical_nearest_distance(const PairMatrix& squared_distances) {
  std::vector<double> nearest;
  for (std::size_t i = 0; i < squared_distances.n; ++i) {
    double least = std::numeric_limits<double>::infinity();
    for (std::size_t j = 0; j < squared_distances.n; ++j)
      if (j != i) least = std::min(least, squared_distances.at(i, j));
    nearest.push_back(std::sqrt(least));
  }
  std::sort(nearest.begin(), nearest.end());
  return (nearest[(nearest.size() - 1) / 2] + nearest[nearest.size() / 2]) / 2;
}

struct Found {
  Places flip, noise, targeted;
  bool any_normal = true;
};

class MudHog : public Rule {
 public:
  explicit MudHog(const MudHogSettings& settings)
      : settings_(settings),
        history_(static_cast<std::size_t>(settings.window)),
        ledger_(static_cast<std::uint32_t>(settings.delay)) {}

  RuleNeeds needs() const override { return {.every_sender = true}; }

  Status check(std::size_t n, std::size_t f) const override {
    SHOAL_TRY_STATUS(check_majority("mud_hog", n, f));
    const auto least = static_cast<std::size_t>(2 * settings_.min_points);
    if (n >= least) return ok_status();
    return invalid_argument(
        fmt::format("mud_hog needs n >= 2 min_points = {} and {} rows arrived", least, n));
  }

  Result<Selection> aggregate(const RoundView& round, std::span<float> out) override {
    SHOAL_TRY_STATUS(check(round.size(), round.declared_faults));
    SHOAL_TRY_STATUS(history_.check(round, "mud_hog"));
    history_.add(round);
    if (rounds_seen_ < static_cast<std::uint64_t>(settings_.first_round)) {
      ++rounds_seen_;
      mix_equally(round.rows, out, round.pool);
      return Selection{round.senders};
    }
    const Found found = inspect(round);
    Places kept;
    for (std::uint32_t i = 0; i < round.size(); ++i)
      if (!ledger_.malicious(round.senders[i]) && !contains(found.noise, i) &&
          !contains(found.targeted, i))
        kept.push_back(i);
    const bool nobody = kept.empty();
    if (nobody)
      for (std::uint32_t i = 0; i < round.size(); ++i) kept.push_back(i);
    const std::vector<Row> rows = rows_at(round.rows, kept);
    if (nobody || !found.any_normal) {
      coordinate_median(rows, out, round.pool);
    } else {
      mix_equally(rows, out, round.pool);
    }
    return Selection{senders_at(round, kept), ledger_.suspects()};
  }

  void save(ByteWriter& out) const override {
    out.number(rounds_seen_);
    history_.save(out);
    ledger_.save(out);
  }

  Status load(ByteReader& in) override {
    SHOAL_TRY(const auto rounds_seen, in.number<std::uint64_t>());
    SenderHistory history(static_cast<std::size_t>(settings_.window));
    SHOAL_TRY_STATUS(history.load(in));
    SHOAL_TRY_STATUS(ledger_.load(in));
    history_ = std::move(history);
    rounds_seen_ = rounds_seen;
    return ok_status();
  }

 private:
  static std::vector<std::uint32_t> senders_at(const RoundView& round, const Places& places) {
    std::vector<std::uint32_t> senders;
    for (const std::uint32_t place : places) senders.push_back(round.senders[place]);
    return senders;
  }

  bool confirmed(const RoundView& round, std::uint32_t place, SuspectKind kind) const {
    return ledger_.confirmed(round.senders[place], kind);
  }

  // Finds the round's suspects and enters them, and then who is unreliable.
  Found inspect(const RoundView& round) {
    std::vector<std::vector<float>> storage(round.size());
    std::vector<Row> shorts;
    for (std::size_t i = 0; i < round.size(); ++i) {
      const auto& recent = history_.of(round.senders[i]).recent;
      storage[i].resize(round.dimension());
      mix_equally(std::vector<Row>(recent.begin(), recent.end()), storage[i], round.pool);
      shorts.emplace_back(storage[i]);
    }
    Found found;
    found.flip = flippers(round, shorts);
    find_noise(round, shorts, found);
    found.targeted = find_targeted(round, found);
    ledger_.record(round.senders, {senders_at(round, found.flip), senders_at(round, found.noise),
                                   senders_at(round, found.targeted)});
    judge_reliability(round, shorts, found);
    return found;
  }

  Places flippers(const RoundView& round, const std::vector<Row>& shorts) const {
    Places trusted, found;
    for (std::uint32_t i = 0; i < round.size(); ++i)
      if (!ledger_.malicious(round.senders[i])) trusted.push_back(i);
    if (trusted.empty()) return found;
    const std::vector<float> middle = median_of(rows_at(shorts, trusted), round.pool);
    for (std::uint32_t i = 0; i < round.size(); ++i)
      if (dot(middle, shorts[i]) < 0.0) found.push_back(i);
    return found;
  }

  void find_noise(const RoundView& round, const std::vector<Row>& shorts, Found& found) const {
    Places examined;
    for (std::uint32_t i = 0; i < round.size(); ++i)
      if (!contains(found.flip, i) && !confirmed(round, i, SuspectKind::kSignFlip))
        examined.push_back(i);
    const std::vector<Row> rows = rows_at(shorts, examined);
    const PairMatrix distances = squared_distances(rows, round.pool);
    const double eps = settings_.eps_factor > 0.0 && !rows.empty()
                           ? settings_.eps_factor * typical_nearest_distance(distances)
                           : settings_.eps;
    const std::vector<std::int32_t> labels =
        dbscan(distances, eps, static_cast<std::size_t>(settings_.min_points));
    const Places normal = largest_cluster(labels);
    found.any_normal = !normal.empty();
    if (!found.any_normal) return;
    const std::vector<double> to_centre =
        squared_distances_to(rows, median_of(rows_at(rows, normal), round.pool), round.pool);
    std::vector<double> outside;
    double outermost = 0.0;
    for (std::uint32_t k = 0; k < rows.size(); ++k) {
      const double distance = std::sqrt(to_centre[k]);
      if (contains(normal, k)) {
        outermost = std::max(outermost, distance);
      } else {
        outside.push_back(distance);
      }
    }
    if (settings_.split_guard && !outside.empty()) outside.push_back(outermost);
    const double split = widest_gap(outside);
    for (std::uint32_t k = 0; k < rows.size(); ++k)
      if (labels[k] == kNoise && std::sqrt(to_centre[k]) > split)
        found.noise.push_back(examined[k]);
  }

  Places find_targeted(const RoundView& round, const Found& found) const {
    Places examined, suspected;
    for (std::uint32_t i = 0; i < round.size(); ++i)
      if (!contains(found.flip, i) && !contains(found.noise, i) &&
          !confirmed(round, i, SuspectKind::kSignFlip) && !confirmed(round, i, SuspectKind::kNoise))
        examined.push_back(i);
    std::vector<Row> sums;
    for (const std::uint32_t i : examined) sums.emplace_back(history_.of(round.senders[i]).sum);
    RandomStream stream(round.seed, purpose("mud-hog 2-means"), round.receiver, round.round);
    for (const std::uint32_t k :
         smaller_of_two_means(gram_matrix(sums, round.pool), kRestarts, stream))
      suspected.push_back(examined[k]);
    return suspected;
  }

  void judge_reliability(const RoundView& round, const std::vector<Row>& shorts,
                         const Found& found) {
    Places examined;
    for (std::uint32_t i = 0; i < round.size(); ++i)
      if (!contains(found.flip, i) && !ledger_.malicious(round.senders[i])) examined.push_back(i);
    if (examined.empty()) return;
    const std::vector<float> middle = median_of(rows_at(shorts, examined), round.pool);
    Places measured, unreliable;
    std::vector<double> cosines;
    for (const std::uint32_t i : examined) {
      const double norms = std::sqrt(squared_norm(middle)) * std::sqrt(squared_norm(shorts[i]));
      if (norms == 0.0) continue;  // no direction, no verdict
      measured.push_back(i);
      cosines.push_back(dot(middle, shorts[i]) / norms);
    }
    const double split = widest_gap(cosines);
    for (std::size_t k = 0; k < measured.size(); ++k)
      if (cosines[k] < split) unreliable.push_back(measured[k]);
    ledger_.record_unreliable(senders_at(round, measured), senders_at(round, unreliable));
  }

  MudHogSettings settings_;
  std::uint64_t rounds_seen_ = 0;  // counted up to first_round
  SenderHistory history_;
  SuspicionLedger ledger_;
};

Result<std::unique_ptr<Rule>> make_mud_hog(const MudHogSettings& settings) {
  return {std::make_unique<MudHog>(settings)};
}

}  // namespace

void describe(Settings& s, MudHogSettings& v) {
  s.integer("window", v.window, "rows in the short history, K", {.range = at_least(1).up_to(1e4)});
  s.integer("first_round", v.first_round, "first round that looks for liars, tau_0; means before",
            {.range = at_least(1).up_to(1e9)});
  s.integer("delay", v.delay,
            "rounds under suspicion before a sender is confirmed; targeted ones take twice that",
            {.range = at_least(1).up_to(1e9)});
  s.real("eps", v.eps, "radius of DBSCAN in units of the rows' norm", {.range = above(0)});
  s.real("eps_factor", v.eps_factor,
         "above 0: the radius is this times the median distance to the nearest neighbour instead",
         {.range = at_least(0)});
  s.integer("min_points", v.min_points, "neighbours that make a core point of DBSCAN",
            {.range = at_least(1).up_to(1e6)});
  s.flag("split_guard", v.split_guard,
         "let the outermost normal sender take part in the widest gap; off as in the paper");
}

CatalogueEntry<Rule> mud_hog_entry() {
  return catalogue_entry<Rule, MudHogSettings>(
      "mud_hog", "the mean of senders whose histories show no flips, noise or targets; n > 2f",
      "2208.10273", &make_mud_hog);
}

}  // namespace shoal
