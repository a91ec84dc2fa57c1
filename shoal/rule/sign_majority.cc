#include "shoal/rule/sign_majority.h"

#include <algorithm>

#include "shoal/base/thread_pool.h"
#include "shoal/rule/coordinate_rules.h"

namespace shoal {
namespace {

constexpr std::size_t kBlock = 4096;  // coordinates whose votes lie in the first-level cache

float sign(float value) { return static_cast<float>((value > 0.0f) - (value < 0.0f)); }

// Counts up to 2^24 votes exactly.
void vote(const RoundView& round, std::size_t begin, std::span<float> votes) {
  std::fill(votes.begin(), votes.end(), 0.0f);
  for (const std::span<const float> row : round.rows) {
    const float* values = row.data() + begin;
    for (std::size_t c = 0; c < votes.size(); ++c) votes[c] += sign(values[c]);
  }
  for (float& value : votes) value = sign(value);
}

class SignMajority : public Rule {
 public:
  Status check(std::size_t n, std::size_t f) const override {
    return check_majority("sign_majority", n, f);
  }

  Result<Selection> aggregate(const RoundView& round, std::span<float> out) override {
    SHOAL_TRY_STATUS(check(round.size(), round.declared_faults));
    const auto job = [&](std::size_t k) {
      const std::size_t begin = k * kBlock;
      vote(round, begin, out.subspan(begin, std::min(kBlock, out.size() - begin)));
    };
    const std::size_t blocks = (out.size() + kBlock - 1) / kBlock;
    for_each_block(round.pool, blocks, job);
    return Selection{round.senders};
  }
};

Result<std::unique_ptr<Rule>> make_sign_majority(const NoSettings&) {
  return {std::make_unique<SignMajority>()};
}

}  // namespace

CatalogueEntry<Rule> sign_majority_entry() {
  return catalogue_entry<Rule, NoSettings>("sign_majority",
                                           "the sign of the sum of signs of every coordinate; "
                                           "n > 2f",
                                           "1810.05291", &make_sign_majority);
}

}  // namespace shoal
