#include "shoal/rule/last_output.h"

#include <fmt/format.h>

#include "shoal/math/vector.h"

namespace shoal {

Status LastOutput::check(const char* rule, std::size_t dimension) const {
  if (empty() || values_.size() == dimension) return ok_status();
  return invalid_argument(fmt::format(
      "{} remembers an aggregate of {} entries and the rows have {}; resume with the model of the "
      "run that wrote the checkpoint",
      rule, values_.size(), dimension));
}

Status LastOutput::load(const char* rule, ByteReader& in) {
  SHOAL_TRY(std::vector<float> values, in.numbers<float>());
  if (!all_finite(values))
    return corrupt(fmt::format("the aggregate that {} remembers is not finite", rule));
  values_ = std::move(values);
  return ok_status();
}

}  // namespace shoal
