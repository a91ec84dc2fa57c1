#include "shoal/rule/hierarchy.h"

#include <algorithm>
#include <fmt/format.h>
#include <numeric>

#include "shoal/base/bytes.h"
#include "shoal/base/random.h"
#include "shoal/math/vector.h"
#include "shoal/rule/pipeline.h"

namespace shoal {
namespace {

constexpr const char* kInner = "rule";

struct HierarchySettings {
  std::int64_t buckets = 2;
};

void describe(Settings& s, HierarchySettings& v) {
  s.integer("buckets", v.buckets, "into how many buckets the rows are put",
            {.range = at_least(1), .paper = "1907.12205"});
}

// Rows begin..end of `order`, in increasing order, as a round of their own with weights that sum to
// 1 again.
RoundView bucket_of(const RoundView& round, std::span<const std::uint32_t> members) {
  RoundView bucket = round;
  bucket.statistics = nullptr;
  bucket.rows.clear();
  bucket.senders.clear();
  bucket.weights.clear();
  double total = 0.0;
  for (const std::uint32_t i : members) {
    bucket.rows.push_back(round.rows[i]);
    bucket.senders.push_back(round.senders[i]);
    bucket.weights.push_back(round.weights[i]);
    total += round.weights[i];
  }
  for (double& weight : bucket.weights)
    weight = total > 0.0 ? weight / total : 1.0 / static_cast<double>(members.size());
  return bucket;
}

class Hierarchy : public PreAggregator {
 public:
  Hierarchy(const HierarchySettings& settings, std::unique_ptr<Rule> inner)
      : buckets_(static_cast<std::size_t>(settings.buckets)), inner_(std::move(inner)) {}

  std::size_t rows_after(std::size_t) const override { return buckets_; }
  bool mixes_senders() const override { return true; }

  Status check(std::size_t n, std::size_t f) const override {
    if (n < buckets_)
      return invalid_argument(fmt::format(
          "hierarchy needs n >= buckets = {} and {} rows arrived; lower buckets", buckets_, n));
    for (const std::size_t size : {n / buckets_, (n + buckets_ - 1) / buckets_}) {
      const Status inner = inner_->check(size, f);
      if (!inner.ok())
        return within(fmt::format("hierarchy, a bucket of {} of {} rows", size, n), inner.error());
    }
    return ok_status();
  }

  Result<std::vector<Row>> transform(const RoundView& round, MadeRows& made) override {
    const std::size_t n = round.size();
    SHOAL_TRY_STATUS(check(n, round.declared_faults));
    RandomStream stream(round.seed, purpose("hierarchy"), round.receiver, round.round);
    std::vector<std::uint32_t> order = stream.permutation(n);
    const auto out = made.make(buckets_, round.dimension());
    for (std::size_t b = 0; b < buckets_; ++b) {
      const std::size_t begin = b * n / buckets_, end = (b + 1) * n / buckets_;
      const std::span<std::uint32_t> members = std::span(order).subspan(begin, end - begin);
      std::sort(members.begin(), members.end());
      RoundView bucket = bucket_of(round, members);
      bucket.seed = stream.bits64();  // an inner rule's draws differ from bucket to bucket
      SHOAL_TRY([[maybe_unused]] const Selection selection, inner_->aggregate(bucket, out[b]));
    }
    return std::vector<Row>(out.begin(), out.end());
  }

 private:
  std::size_t buckets_;
  std::unique_ptr<Rule> inner_;
};

// The inner rule's table; a bare name stands for a table with only its kind, nothing for the mean.
Result<Table> inner_table(const Table& table, const std::string& where) {
  Table inner;
  const Value* given = table.find(kInner);
  if (!given) {
    inner.set("kind", "mean");
  } else if (const std::string* name = given->as<std::string>()) {
    inner.set("kind", *name);
  } else if (const Table* all = given->as<Table>()) {
    inner = *all;
  } else {
    return invalid_argument(fmt::format("{} {} must be a name or a table and is {}", where, kInner,
                                        given->type_name()));
  }
  return inner;
}

std::string inner_name(const std::string& where) { return fmt::format("{} {}", where, kInner); }

Result<std::unique_ptr<PreAggregator>> make_hierarchy(const Table& table,
                                                      const std::string& where) {
  HierarchySettings settings;
  SHOAL_TRY_STATUS(read_settings(table, where, settings, {"kind", kInner}));
  SHOAL_TRY(const Table chosen, inner_table(table, where));
  SHOAL_TRY(std::unique_ptr<Rule> inner, make_pipeline(chosen, inner_name(where)));
  const RuleNeeds needs = inner->needs();
  ByteWriter memory;
  inner->save(memory);
  if (needs.trusted_row || needs.validation_rows > 0 || needs.every_sender || memory.size() > 0)
    return unsupported(fmt::format(
        "{} must be a rule that needs nothing but rows and remembers nothing; use another",
        inner_name(where)));
  return {std::make_unique<Hierarchy>(settings, std::move(inner))};
}

Result<Table> resolve_hierarchy(const Table& table, const std::string& where) {
  HierarchySettings settings;
  SHOAL_TRY_STATUS(read_settings(table, where, settings, {"kind", kInner}));
  SHOAL_TRY(const Table chosen, inner_table(table, where));
  SHOAL_TRY(Table inner, resolve_pipeline(chosen, inner_name(where)));
  Table resolved = write_settings(settings);
  resolved.set(kInner, std::move(inner));
  return resolved;
}

}  // namespace

CatalogueEntry<PreAggregator> hierarchy_entry() {
  CatalogueEntry<PreAggregator> entry;
  entry.name = "hierarchy";
  entry.summary = "a rule of its own in each of some random buckets";
  entry.paper = "1907.12205";
  entry.make = &make_hierarchy;
  entry.resolve = &resolve_hierarchy;
  entry.settings = list_settings(HierarchySettings{});
  entry.settings.push_back({.name = kInner,
                            .type = "text or table",
                            .meaning = "the rule in a bucket: its name, or a table as [rule]",
                            .default_text = "\"mean\"",
                            .options = {},
                            .about = {.paper = "1907.12205"}});
  return entry;
}

}  // namespace shoal
