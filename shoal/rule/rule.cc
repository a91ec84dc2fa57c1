#include "shoal/rule/rule.h"

namespace shoal {

Status check_needs(const RuleNeeds& needs, const RuleNeeds& offered) {
  if (needs.trusted_row && !offered.trusted_row)
    return unsupported(
        "this rule compares rows with one that the receiver trusts: a peer's own model (monna, "
        "dpsgd) or a gradient on [validation] rows (async_sgd)");
  if (needs.validation_rows > 0 && offered.validation_rows == 0)
    return unsupported(
        "this rule ranks rows by their loss on data of the receiver's own; give the server some "
        "with [validation] rows, and a method whose server uses them (federated ones, server_sgd)");
  if (needs.validation_rows > offered.validation_rows)
    return invalid_argument("this rule draws more validation rows a round than [validation] has");
  if (needs.every_sender && !offered.every_sender)
    return unsupported(
        "this rule compares what senders have sent so far, so all of them must take part in every "
        "round: set cohort = 0");
  return ok_status();
}

}  // namespace shoal
