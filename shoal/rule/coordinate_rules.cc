#include "shoal/rule/coordinate_rules.h"

#include <fmt/format.h>

#include "shoal/math/coordinate.h"

namespace shoal {
namespace {

class CoordinateMedian : public Rule {
 public:
  Status check(std::size_t n, std::size_t f) const override {
    return check_majority("coordinate_median", n, f);
  }
  Result<Selection> aggregate(const RoundView& round, std::span<float> out) override {
    SHOAL_TRY_STATUS(check(round.size(), round.declared_faults));
    coordinate_median(round.rows, out, round.pool);
    return Selection{round.senders};
  }
};

class TrimmedMean : public Rule {
 public:
  Status check(std::size_t n, std::size_t f) const override {
    return check_majority("trimmed_mean", n, f);
  }
  Result<Selection> aggregate(const RoundView& round, std::span<float> out) override {
    SHOAL_TRY_STATUS(check(round.size(), round.declared_faults));
    coordinate_trimmed_mean(round.rows, round.declared_faults, out, round.pool);
    return Selection{round.senders};
  }
};

class MeanAroundMedian : public Rule {
 public:
  Status check(std::size_t n, std::size_t f) const override {
    return check_majority("mean_around_median", n, f);
  }
  Result<Selection> aggregate(const RoundView& round, std::span<float> out) override {
    SHOAL_TRY_STATUS(check(round.size(), round.declared_faults));
    coordinate_mean_around_median(round.rows, round.declared_faults, out, round.pool);
    return Selection{round.senders};
  }
};

class Phocas : public Rule {
 public:
  Status check(std::size_t n, std::size_t f) const override {
    return check_majority("phocas", n, f);
  }
  Result<Selection> aggregate(const RoundView& round, std::span<float> out) override {
    SHOAL_TRY_STATUS(check(round.size(), round.declared_faults));
    coordinate_phocas(round.rows, round.declared_faults, out, round.pool);
    return Selection{round.senders};
  }
};

template <class T>
Result<std::unique_ptr<Rule>> make(const NoSettings&) {
  return {std::make_unique<T>()};
}

}  // namespace

Status check_majority(const char* rule, std::size_t n, std::size_t f) {
  if (n > 2 * f) return ok_status();
  return invalid_argument(fmt::format("{} needs n > 2f = {} and {} rows arrived", rule, 2 * f, n));
}

CatalogueEntry<Rule> coordinate_median_entry() {
  return catalogue_entry<Rule, NoSettings>("coordinate_median",
                                           "the median of every coordinate; n > 2f", "1803.01498",
                                           &make<CoordinateMedian>);
}

CatalogueEntry<Rule> trimmed_mean_entry() {
  return catalogue_entry<Rule, NoSettings>(
      "trimmed_mean", "the mean without the f smallest and f largest of every coordinate; n > 2f",
      "1803.01498", &make<TrimmedMean>);
}

CatalogueEntry<Rule> mean_around_median_entry() {
  return catalogue_entry<Rule, NoSettings>(
      "mean_around_median",
      "the mean of the n-f values of every coordinate nearest its median; "
      "n > 2f",
      "1802.10116", &make<MeanAroundMedian>);
}

CatalogueEntry<Rule> phocas_entry() {
  return catalogue_entry<Rule, NoSettings>(
      "phocas", "the mean of the n-f values of every coordinate nearest its trimmed mean; n > 2f",
      "1805.09682", &make<Phocas>);
}

}  // namespace shoal
