#include "shoal/attack/stale_replay.h"

#include <algorithm>
#include <deque>
#include <map>

namespace shoal {
namespace {

constexpr std::int64_t kDelayMax = 1000;

class StaleReplay : public MessageAttack {
 public:
  explicit StaleReplay(const StaleReplaySettings& settings)
      : delay_(static_cast<std::size_t>(settings.delay)) {}

  void forge(const AttackView& view, std::span<float> out) override {
    const std::size_t d = view.dimension();
    for (std::size_t liar = 0; liar < view.liars.size(); ++liar) {
      std::deque<std::vector<float>>& rows = rows_[view.liars[liar]];
      rows.emplace_back(view.own[liar].begin(), view.own[liar].end());
      if (rows.size() > delay_ + 1) rows.pop_front();
      SHOAL_CHECK(rows.front().size() == d, "the rows of one receiver are of one length");
      std::ranges::copy(rows.front(), out.subspan(liar * d, d).begin());
    }
  }

  void save(ByteWriter& out) const override {
    out.number<std::uint32_t>(static_cast<std::uint32_t>(rows_.size()));
    for (const auto& [liar, rows] : rows_) {
      out.number<std::uint32_t>(liar);
      out.number<std::uint32_t>(static_cast<std::uint32_t>(rows.size()));
      for (const auto& row : rows) out.numbers<float>(row);
    }
  }
  Status load(ByteReader& in) override {
    rows_.clear();
    SHOAL_TRY(const auto liars, in.number<std::uint32_t>());
    for (std::uint32_t i = 0; i < liars; ++i) {
      SHOAL_TRY(const auto liar, in.number<std::uint32_t>());
      SHOAL_TRY(const auto count, in.number<std::uint32_t>());
      if (count > delay_ + 1) return corrupt("more rows to replay than the delay allows");
      for (std::uint32_t k = 0; k < count; ++k) {
        SHOAL_TRY(auto row, in.numbers<float>());
        rows_[liar].push_back(std::move(row));
      }
    }
    return ok_status();
  }

 private:
  std::size_t delay_;
  std::map<std::uint32_t, std::deque<std::vector<float>>> rows_;  // of each liar, oldest first
};

Result<std::unique_ptr<Attack>> make_stale_replay(const StaleReplaySettings& settings) {
  return {std::make_unique<StaleReplay>(settings)};
}

}  // namespace

void describe(Settings& s, StaleReplaySettings& v) {
  s.integer("delay", v.delay, "how many rounds ago the row was made",
            {.range = at_least(1).up_to(kDelayMax), .unit = "rounds"});
}

CatalogueEntry<Attack> stale_replay_entry() {
  return catalogue_entry<Attack, StaleReplaySettings>(
      "stale_replay", "the own row of some rounds ago, sent again", "", &make_stale_replay);
}

}  // namespace shoal
