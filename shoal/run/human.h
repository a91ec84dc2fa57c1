// Quantities as people read them: three digits and a unit, digit groups, columns that line up.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace shoal {

// "48.0 s", "31.5 min", "1.20 h".
std::string human_time(double seconds);
// "640 B", "310.0 MB"; powers of 1000.
std::string human_bytes(double bytes);
// "2,400,000".
std::string human_count(std::uint64_t count);
// "1,526.50": a non-negative value with so many decimals.
std::string human_fixed(double value, int decimals);

// Decimals, at most four, that leave three significant digits to the smallest magnitude in a
// column that is not zero; 0 when every value is 100 or more.
int column_decimals(const std::vector<double>& values);

}  // namespace shoal
