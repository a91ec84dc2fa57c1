#include "shoal/rule/coordinate_rules.h"

#include <fmt/format.h>

#include "shoal/math/coordinate.h"

namespace shoal {
namespace {

void median(std::span<const Row> rows, std::size_t, std::span<float> out, ThreadPool* pool) {
  coordinate_median(rows, out, pool);
}

// One of the four: its name, and its kernel over rows of which f may lie.
class CoordinateRule : public Rule {
 public:
  using Kernel = void (*)(std::span<const Row> rows, std::size_t f, std::span<float> out,
                          ThreadPool* pool);
  CoordinateRule(const char* name, Kernel kernel) : name_(name), kernel_(kernel) {}

  Status check(std::size_t n, std::size_t f) const override { return check_majority(name_, n, f); }
  Result<Selection> aggregate(const RoundView& round, std::span<float> out) override {
    SHOAL_TRY_STATUS(check(round.size(), round.declared_faults));
    kernel_(round.rows, round.declared_faults, out, round.pool);
    return Selection{round.senders};
  }

 private:
  const char* name_;
  Kernel kernel_;
};

Result<std::unique_ptr<Rule>> make_median(const NoSettings&) {
  return {std::make_unique<CoordinateRule>("coordinate_median", &median)};
}
Result<std::unique_ptr<Rule>> make_trimmed_mean(const NoSettings&) {
  return {std::make_unique<CoordinateRule>("trimmed_mean", &coordinate_trimmed_mean)};
}
Result<std::unique_ptr<Rule>> make_mean_around_median(const NoSettings&) {
  return {std::make_unique<CoordinateRule>("mean_around_median", &coordinate_mean_around_median)};
}
Result<std::unique_ptr<Rule>> make_phocas(const NoSettings&) {
  return {std::make_unique<CoordinateRule>("phocas", &coordinate_phocas)};
}

}  // namespace

Status check_majority(const char* rule, std::size_t n, std::size_t f) {
  if (n > 2 * f) return ok_status();
  return invalid_argument(fmt::format("{} needs n > 2f = {} and {} rows arrived", rule, 2 * f, n));
}

CatalogueEntry<Rule> coordinate_median_entry() {
  return catalogue_entry<Rule, NoSettings>(
      "coordinate_median", "the median of every coordinate; n > 2f", "1803.01498", &make_median);
}

CatalogueEntry<Rule> trimmed_mean_entry() {
  return catalogue_entry<Rule, NoSettings>(
      "trimmed_mean", "the mean without the f smallest and f largest of every coordinate; n > 2f",
      "1803.01498", &make_trimmed_mean);
}

CatalogueEntry<Rule> mean_around_median_entry() {
  return catalogue_entry<Rule, NoSettings>(
      "mean_around_median",
      "the mean of the n-f values of every coordinate nearest its median; "
      "n > 2f",
      "1802.10116", &make_mean_around_median);
}

CatalogueEntry<Rule> phocas_entry() {
  return catalogue_entry<Rule, NoSettings>(
      "phocas", "the mean of the n-f values of every coordinate nearest its trimmed mean; n > 2f",
      "1805.09682", &make_phocas);
}

}  // namespace shoal
