// Mean and spread of the honest rows a colluding set has seen: what omniscient attacks are made of.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "shoal/base/result.h"

namespace shoal {

// out = mean_factor * mean + spread_factor * sd per coordinate, in double and rounded once, so that
// every liar who computes it gets the same bits. sd is the sample standard deviation (divided by
// n-1; 0 for a single row), as in the libraries' code. At least one row. O(n d).
void combine_honest(std::span<const std::span<const float>> honest, double mean_factor,
                    double spread_factor, std::span<float> out);

// Writes `row` to each of the rows that `out` holds one after another.
void repeat_row(std::span<const float> row, std::span<float> out);

// "inner_product needs an honest row to look at and this round has none".
Status check_sees_honest(const std::string& attack, std::size_t honest);

}  // namespace shoal
