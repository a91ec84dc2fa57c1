#include "shoal/rule/nearest_neighbours.h"

#include <fmt/format.h>

#include "shoal/math/vector.h"
#include "shoal/rule/choose.h"
#include "shoal/rule/coordinate_rules.h"

namespace shoal {
namespace {

class NearestNeighbours : public Rule {
 public:
  explicit NearestNeighbours(const NearestNeighboursSettings& settings)
      : hold_(static_cast<std::size_t>(settings.hold)),
        keep_(static_cast<std::size_t>(settings.keep)) {}

  Status check(std::size_t n, std::size_t f) const override {
    SHOAL_TRY_STATUS(check_majority("nearest_neighbours", n, f));
    if (n < hold_)
      return invalid_argument(fmt::format(
          "nearest_neighbours needs hold = {} rows and {} arrived; wait longer or lower hold",
          hold_, n));
    if (keep_ <= n - f) return ok_status();
    return invalid_argument(
        fmt::format("nearest_neighbours keeps at most n-f = {} of {} rows with f = {}; lower keep "
                    "= {}",
                    n - f, n, f, keep_));
  }

  RuleNeeds needs() const override { return {.trusted_row = true}; }

  Result<Selection> aggregate(const RoundView& round, std::span<float> out) override {
    SHOAL_TRY_STATUS(check(round.size(), round.declared_faults));
    SHOAL_TRY_STATUS(check_trusted("nearest_neighbours", round));
    std::vector<double> distances(round.size());
    const auto measure = [&](std::size_t i) {
      // Before an equal row of another sender, which is at distance 0 too.
      const bool own = round.senders[i] == round.receiver;
      const double distance = squared_distance(round.rows[i], round.trusted);
      distances[i] = own && distance == 0.0 ? -1.0 : distance;
    };
    for_each_block(round.pool, round.size(), measure);
    const std::size_t kept = keep_ == 0 ? round.size() - round.declared_faults : keep_;
    return keep_mean(round, smallest(distances, kept), out);
  }

 private:
  std::size_t hold_;
  std::size_t keep_;
};

Result<std::unique_ptr<Rule>> make_nearest_neighbours(const NearestNeighboursSettings& settings) {
  return {std::make_unique<NearestNeighbours>(settings)};
}

}  // namespace

void describe(Settings& s, NearestNeighboursSettings& v) {
  s.integer("hold", v.hold, "the rows a round must bring, the receiver's own among them; 0: any",
            {.range = at_least(0), .unit = "rows", .paper = "2209.10931"});
  s.integer("keep", v.keep, "the rows averaged; 0: those that came less f",
            {.range = at_least(0), .unit = "rows", .paper = "2209.10931"});
}

CatalogueEntry<Rule> nearest_neighbours_entry() {
  return catalogue_entry<Rule, NearestNeighboursSettings>(
      "nearest_neighbours", "the mean of the rows nearest to the receiver's own; n > 2f",
      "2209.10931", &make_nearest_neighbours);
}

}  // namespace shoal
