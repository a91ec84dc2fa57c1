#include "shoal/rule/bucketing.h"

#include <algorithm>

#include "shoal/base/random.h"
#include "shoal/math/mix.h"

namespace shoal {
namespace {

class Bucketing : public PreAggregator {
 public:
  explicit Bucketing(const BucketingSettings& settings)
      : s_(static_cast<std::size_t>(settings.s)) {}

  std::size_t rows_after(std::size_t n) const override { return n / s_ + (n % s_ != 0); }
  bool mixes_senders() const override { return true; }
  Status check(std::size_t n, std::size_t) const override {
    if (n == 0) return invalid_argument("bucketing needs n >= 1 and no rows arrived");
    return ok_status();
  }

  Result<std::vector<Row>> transform(const RoundView& round, MadeRows& made) override {
    SHOAL_TRY_STATUS(check(round.size(), round.declared_faults));
    RandomStream stream(round.seed, purpose("bucketing"), round.receiver, round.round);
    const std::vector<std::uint32_t> order = stream.permutation(round.size());
    std::vector<std::vector<std::uint32_t>> buckets(rows_after(round.size()));
    for (std::size_t i = 0; i < order.size(); ++i) buckets[i / s_].push_back(order[i]);
    const auto means = made.make(buckets.size(), round.dimension());
    mean_of_subsets(round.rows, buckets, means, round.pool);
    return std::vector<Row>(means.begin(), means.end());
  }

 private:
  std::size_t s_;
};

Result<std::unique_ptr<PreAggregator>> make_bucketing(const BucketingSettings& settings) {
  return {std::make_unique<Bucketing>(settings)};
}

}  // namespace

void describe(Settings& s, BucketingSettings& v) {
  s.integer("s", v.s, "rows a bucket; 1 only changes their order",
            {.range = at_least(1), .unit = "rows", .paper = "2006.09365"});
}

CatalogueEntry<PreAggregator> bucketing_entry() {
  return catalogue_entry<PreAggregator, BucketingSettings>(
      "bucketing", "means of s rows put together at random", "2006.09365", &make_bucketing);
}

}  // namespace shoal
