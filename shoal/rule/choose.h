// What rules that keep some rows and drop others share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "shoal/rule/round_statistics.h"
#include "shoal/rule/rule.h"

namespace shoal {

// Numbers of the `count` smallest keys, increasing; ties go to the lower number, and a NaN counts
// as +infinity. count <= keys.size().
std::vector<std::uint32_t> smallest(std::span<const double> keys, std::size_t count);

// The mean of these rows (increasing row numbers, at least one) to `out`, and their senders.
Selection keep_mean(const RoundView& round, std::span<const std::uint32_t> chosen,
                    std::span<float> out);

// Error: the round has no trusted row, or one of another length.
Status check_trusted(const char* rule, const RoundView& round);

}  // namespace shoal
