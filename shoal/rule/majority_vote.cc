#include "shoal/rule/majority_vote.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fmt/format.h>
#include <optional>

#include "shoal/base/thread_pool.h"
#include "shoal/math/gram.h"
#include "shoal/math/vector.h"

namespace shoal {
namespace {

bool same_bytes(Row x, Row y) {
  return x.empty() || std::memcmp(x.data(), y.data(), x.size_bytes()) == 0;
}

// Senders of the same share. A row wins with more than half of the votes of all its members.
struct Group {
  std::vector<Row> rows;  // of those that came, by sender
  std::size_t size = 0;   // with those that did not
  std::uint32_t first = 0, last = 0;

  bool won_by(std::size_t votes) const { return 2 * votes > size; }
};

// The row that more than half of the group equals, byte for byte; found as soon as it has the
// votes.
std::optional<Row> exact_majority(const Group& group) {
  struct Kind {
    Row row;
    std::size_t votes = 0;
  };
  std::vector<Kind> kinds;
  for (const Row row : group.rows) {
    auto kind = std::ranges::find_if(kinds, [&](const Kind& k) { return same_bytes(k.row, row); });
    if (kind == kinds.end()) kind = kinds.insert(kinds.end(), {row});
    if (group.won_by(++kind->votes)) return kind->row;
  }
  return std::nullopt;
}

// The medoid of the rows that agree with the one most others agree with, when they are a majority.
std::optional<Row> near_majority(const Group& group, double delta) {
  const PairMatrix squared = squared_distances(group.rows);
  std::vector<double> norms;
  for (const Row row : group.rows) norms.push_back(std::sqrt(squared_norm(row)));
  const auto agree = [&](std::size_t i, std::size_t j) {
    return std::sqrt(squared.at(i, j)) <= delta * std::max(norms[i], norms[j]);
  };
  std::vector<std::size_t> most;
  for (std::size_t i = 0; i < norms.size(); ++i) {
    std::vector<std::size_t> agreeing;
    for (std::size_t j = 0; j < norms.size(); ++j)
      if (agree(i, j)) agreeing.push_back(j);
    if (agreeing.size() > most.size()) most = std::move(agreeing);
  }
  if (!group.won_by(most.size())) return std::nullopt;
  const auto spread = [&](std::size_t i) {
    double sum = 0.0;
    for (const std::size_t j : most) sum += std::sqrt(squared.at(i, j));
    return sum;
  };
  return group.rows[*std::min_element(most.begin(), most.end(), [&](std::size_t a, std::size_t b) {
    return spread(a) < spread(b);
  })];
}

// Error: senders who cannot be put into groups of r.
Status check_groups(std::size_t senders, std::size_t r, const char* what) {
  if (senders < r)
    return invalid_argument(fmt::format(
        "majority_vote needs {} >= r = {} and there are {}; lower r", what, r, senders));
  if (senders % r <= 1) return ok_status();
  return invalid_argument(
      fmt::format("majority_vote needs {} mod r to be 0, or 1 (who joins the last group), and "
                  "{} mod {} = {}; change r or the number of senders",
                  what, senders, r, senders % r));
}

class MajorityVote : public PreAggregator {
 public:
  explicit MajorityVote(const MajorityVoteSettings& settings)
      : settings_(settings),
        r_(static_cast<std::size_t>(settings.r)),
        senders_(static_cast<std::size_t>(settings.senders)) {}

  std::size_t rows_after(std::size_t n) const override { return all(n) / r_; }
  std::size_t faults_after(std::size_t n, std::size_t f) const override {
    const std::size_t missing = all(n) - std::min(n, all(n));
    const std::size_t lost = settings_.no_majority == NoMajority::kLowest ? missing : 0;
    return std::min(f, (f + lost) / ((r_ + 1) / 2));
  }
  bool mixes_senders() const override { return true; }

  Status check(std::size_t n, std::size_t) const override {
    SHOAL_TRY_STATUS(check_groups(all(n), r_, senders_ > 0 ? "senders" : "n"));
    if (n > all(n))
      return invalid_argument(fmt::format(
          "majority_vote has groups for senders = {} and {} rows arrived; raise senders", senders_,
          n));
    const std::size_t groups = rows_after(n);
    const bool lowest = settings_.no_majority == NoMajority::kLowest;
    const std::size_t votes = lowest ? 1 : (r_ + 1) / 2;
    // A group of r + 1 needs one vote more than half of the others.
    const std::size_t needed = groups * votes + (lowest ? 0 : all(n) % r_);
    if (n >= needed) return ok_status();
    return invalid_argument(
        fmt::format("majority_vote needs n >= {}, a {} in each of {} groups, and {} rows arrived",
                    needed, lowest ? "row" : "majority", groups, n));
  }

  Result<std::vector<Row>> transform(const RoundView& round, MadeRows&) override {
    SHOAL_TRY_STATUS(check(round.size(), round.declared_faults));
    SHOAL_TRY(const std::vector<Group> groups, groups_of(round));
    std::vector<Result<Row>> winners(groups.size(), Row());
    for_each_block(round.pool, groups.size(),
                   [&](std::size_t g) { winners[g] = winner_of(groups[g]); });
    std::vector<Row> rows;
    for (const Result<Row>& winner : winners) {
      SHOAL_TRY(const Row row, winner);
      rows.push_back(row);
    }
    return rows;
  }

 private:
  // Of how many senders the groups are made, when n of them have arrived.
  std::size_t all(std::size_t n) const { return senders_ > 0 ? senders_ : n; }

  Result<std::vector<Group>> groups_of(const RoundView& round) const {
    const std::size_t total = all(round.size()), count = total / r_;
    const std::uint32_t lowest = senders_ > 0 ? 1 : round.senders.front();
    std::vector<Group> groups(count);
    for (std::size_t g = 0; g < count; ++g) {
      const std::size_t end = g + 1 == count ? total : (g + 1) * r_;
      groups[g].size = end - g * r_;
      groups[g].first = lowest + static_cast<std::uint32_t>(g * r_);
      groups[g].last = lowest + static_cast<std::uint32_t>(end) - 1;
    }
    for (std::size_t i = 0; i < round.size(); ++i) {
      const std::uint32_t sender = round.senders[i];
      if (sender < lowest || sender - lowest >= total)
        return invalid_argument(fmt::format(
            "majority_vote has groups for senders {} to {} and a row of sender {} arrived; {}",
            lowest, lowest + total - 1, sender,
            senders_ > 0 ? "raise senders"
                         : "somebody is missing: set senders to how many clients there are"));
      groups[std::min<std::size_t>((sender - lowest) / r_, count - 1)].rows.push_back(
          round.rows[i]);
    }
    return groups;
  }

  Result<Row> winner_of(const Group& group) const {
    if (group.rows.empty())
      return invalid_argument(
          fmt::format("majority_vote: none of the senders {} to {} arrived; leave the round out",
                      group.first, group.last));
    const std::optional<Row> winner = settings_.vote == Vote::kExact
                                          ? exact_majority(group)
                                          : near_majority(group, settings_.delta);
    if (winner) return *winner;
    if (settings_.no_majority == NoMajority::kLowest) return group.rows.front();
    return invalid_argument(fmt::format(
        "majority_vote: none of the {} rows of senders {} to {} has more than {} of {} votes; "
        "leave the round out, or set no_majority = \"lowest\"",
        group.rows.size(), group.first, group.last, group.size / 2, group.size));
  }

  MajorityVoteSettings settings_;
  std::size_t r_;
  std::size_t senders_;
};

Result<std::unique_ptr<PreAggregator>> make_majority_vote(const MajorityVoteSettings& settings) {
  if (settings.r % 2 == 0)
    return invalid_argument(
        fmt::format("r = {} must be odd, so that a group has a majority; set r = {}", settings.r,
                    settings.r + 1));
  if (settings.senders > 0)
    SHOAL_TRY_STATUS(check_groups(static_cast<std::size_t>(settings.senders),
                                  static_cast<std::size_t>(settings.r), "senders"));
  return {std::make_unique<MajorityVote>(settings)};
}

}  // namespace

void describe(Settings& s, MajorityVoteSettings& v) {
  s.integer("r", v.r, "senders a group, who worked on the same data; odd",
            {.range = at_least(1), .unit = "rows", .paper = "1907.12205"});
  s.integer(
      "senders", v.senders,
      "how many clients there are, of ids 1, 2, ..., so that some may be missing; 0: all must "
      "arrive",
      {.range = at_least(0)});
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
