#include "shoal/rule/majority_vote.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fmt/format.h>
#include <optional>

#include "shoal/math/gram.h"
#include "shoal/math/vector.h"

namespace shoal {
namespace {

bool same_bytes(Row x, Row y) {
  return x.empty() || std::memcmp(x.data(), y.data(), x.size_bytes()) == 0;
}

// The row that more than half of the group equals, byte for byte.
std::optional<std::size_t> exact_majority(std::span<const Row> group) {
  std::size_t candidate = 0, lead = 0;
  for (std::size_t i = 0; i < group.size(); ++i) {
    if (lead == 0) {
      candidate = i;
      lead = 1;
    } else if (same_bytes(group[candidate], group[i])) {
      ++lead;
    } else {
      --lead;
    }
  }
  const auto votes = std::count_if(group.begin(), group.end(),
                                   [&](Row row) { return same_bytes(group[candidate], row); });
  if (2 * static_cast<std::size_t>(votes) <= group.size()) return std::nullopt;
  return candidate;
}

// The medoid of the rows that agree with the one most others agree with, when they are a majority.
std::optional<std::size_t> near_majority(std::span<const Row> group, double delta) {
  const PairMatrix squared = squared_distances(group);
  std::vector<double> norms;
  for (const Row row : group) norms.push_back(std::sqrt(squared_norm(row)));
  const auto agree = [&](std::size_t i, std::size_t j) {
    return std::sqrt(squared.at(i, j)) <= delta * std::max(norms[i], norms[j]);
  };
  std::vector<std::size_t> most;
  for (std::size_t i = 0; i < group.size(); ++i) {
    std::vector<std::size_t> agreeing;
    for (std::size_t j = 0; j < group.size(); ++j)
      if (agree(i, j)) agreeing.push_back(j);
    if (agreeing.size() > most.size()) most = std::move(agreeing);
  }
  if (2 * most.size() <= group.size()) return std::nullopt;
  const auto spread = [&](std::size_t i) {
    double sum = 0.0;
    for (const std::size_t j : most) sum += std::sqrt(squared.at(i, j));
    return sum;
  };
  return *std::min_element(most.begin(), most.end(),
                           [&](std::size_t a, std::size_t b) { return spread(a) < spread(b); });
}

class MajorityVote : public PreAggregator {
 public:
  explicit MajorityVote(const MajorityVoteSettings& settings)
      : settings_(settings), r_(static_cast<std::size_t>(settings.r)) {}

  std::size_t rows_after(std::size_t n) const override { return n / r_; }
  std::size_t faults_after(std::size_t, std::size_t f) const override { return f / ((r_ + 1) / 2); }
  bool mixes_senders() const override { return true; }

  Status check(std::size_t n, std::size_t) const override {
    if (n < r_)
      return invalid_argument(
          fmt::format("majority_vote needs n >= r = {} and {} rows arrived; lower r", r_, n));
    if (n % r_ <= 1) return ok_status();
    return invalid_argument(
        fmt::format("majority_vote needs n mod r to be 0, or 1 (who joins the last group), and "
                    "{} mod {} = {}; change r or the number of senders",
                    n, r_, n % r_));
  }

  Status transform(const RoundView& round, std::span<float> out) override {
    SHOAL_TRY_STATUS(check(round.size(), round.declared_faults));
    const std::size_t groups = rows_after(round.size()), dimension = round.dimension();
    for (std::size_t g = 0; g < groups; ++g) {
      const std::size_t begin = g * r_;
      const std::size_t end = g + 1 == groups ? round.size() : begin + r_;
      const std::span<const Row> group = std::span(round.rows).subspan(begin, end - begin);
      std::optional<std::size_t> winner = settings_.vote == Vote::kExact
                                              ? exact_majority(group)
                                              : near_majority(group, settings_.delta);
      if (!winner && settings_.no_majority == NoMajority::kRejectGroup)
        return invalid_argument(fmt::format(
            "majority_vote: none of the rows of senders {} to {} has more than {} of {} votes; "
            "leave the round out, or set no_majority = \"lowest\"",
            round.senders[begin], round.senders[end - 1], group.size() / 2, group.size()));
      const Row row = group[winner.value_or(0)];
      std::copy(row.begin(), row.end(), out.begin() + static_cast<std::ptrdiff_t>(g * dimension));
    }
    return ok_status();
  }

 private:
  MajorityVoteSettings settings_;
  std::size_t r_;
};

Result<std::unique_ptr<PreAggregator>> make_majority_vote(const MajorityVoteSettings& settings) {
  if (settings.r % 2 == 0)
    return invalid_argument(
        fmt::format("r = {} must be odd, so that a group has a majority; set r = {}", settings.r,
                    settings.r + 1));
  return {std::make_unique<MajorityVote>(settings)};
}

}  // namespace

void describe(Settings& s, MajorityVoteSettings& v) {
  s.integer("r", v.r, "senders a group, who worked on the same data; odd",
            {.range = at_least(1), .unit = "rows", .paper = "1907.12205"});
  s.choice("vote", v.vote,
           "what rows that agree have in common: their bytes, or nearly their values",
           {{"exact", Vote::kExact}, {"tolerance", Vote::kTolerance}});
  s.real("delta", v.delta, "distance of rows that agree over the larger norm, for vote = tolerance",
         {.range = at_least(0).below(1)});
  s.choice("no_majority", v.no_majority,
           "what becomes of a group without a majority: the round is refused, or its lowest "
           "sender's row is taken",
           {{"reject_group", NoMajority::kRejectGroup}, {"lowest", NoMajority::kLowest}});
}

CatalogueEntry<PreAggregator> majority_vote_entry() {
  return catalogue_entry<PreAggregator, MajorityVoteSettings>(
      "majority_vote", "the row that most of every r senders agree on", "1907.12205",
      &make_majority_vote);
}

}  // namespace shoal
