#include "shoal/rule/choose.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>
#include <numeric>

#include "shoal/math/mix.h"

namespace shoal {

std::vector<std::uint32_t> smallest(std::span<const double> keys, std::size_t count) {
  SHOAL_CHECK(count <= keys.size(), "no more than there are");
  const auto key = [&](std::uint32_t i) {
    return std::isnan(keys[i]) ? std::numeric_limits<double>::infinity() : keys[i];
  };
  std::vector<std::uint32_t> order(keys.size());
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return key(a) < key(b); });
  order.resize(count);
  std::sort(order.begin(), order.end());
  return order;
}

Selection keep_mean(const RoundView& round, std::span<const std::uint32_t> chosen,
                    std::span<float> out) {
  std::vector<Row> rows;
  Selection selection;
  for (const std::uint32_t i : chosen) {
    rows.push_back(round.rows[i]);
    selection.kept.push_back(round.senders[i]);
  }
  mix_equally(rows, out, round.pool);
  return selection;
}

Status check_trusted(const char* rule, const RoundView& round) {
  if (round.trusted.empty() && round.dimension() > 0)
    return invalid_argument(
        fmt::format("{} compares rows with one that the receiver trusts; give it one", rule));
  if (round.trusted.size() == round.dimension()) return ok_status();
  return invalid_argument(
      fmt::format("{} was given a trusted row of {} entries for rows of {}; "
                  "use one of the same model",
                  rule, round.trusted.size(), round.dimension()));
}

}  // namespace shoal
