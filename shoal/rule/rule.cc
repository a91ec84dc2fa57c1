#include "shoal/rule/rule.h"

#include <algorithm>

namespace shoal {

std::size_t faults_left(std::size_t declared, std::size_t refused) {
  return declared - std::min(declared, refused);
}

Status check_needs(const RuleNeeds& needs, const RuleNeeds& offered) {
  if (needs.trusted_row && !offered.trusted_row)
    return unsupported(
        "this rule compares rows with one that the receiver trusts; use a method that has one: a "
        "peer's own model (monna, dpsgd) or a gradient on [validation] rows (async_sgd)");
  if (needs.validation_rows > 0 && offered.validation_rows == 0)
    return unsupported(
        "this rule ranks rows by their loss on data of the receiver's own; set [validation] rows, "
        "and use a method whose server looks at them (federated ones, server_sgd)");
  if (needs.validation_rows > offered.validation_rows)
    return invalid_argument(
        "this rule draws more validation rows a round than there are; raise [validation] rows "
        "or lower validation_rows");
  if (needs.every_sender && !offered.every_sender)
    return unsupported(
        "this rule compares what senders have sent so far, so all of them must take part in every "
        "round: set cohort = 0");
  return ok_status();
}

std::vector<std::span<float>> MadeRows::make(std::size_t count, std::size_t dimension) {
  if (count * dimension > room_) {
    room_ = count * dimension;
    values_ = std::make_unique_for_overwrite<float[]>(room_);
  }
  std::vector<std::span<float>> rows;
  for (std::size_t i = 0; i < count; ++i)
    rows.emplace_back(values_.get() + i * dimension, dimension);
  return rows;
}

}  // namespace shoal
