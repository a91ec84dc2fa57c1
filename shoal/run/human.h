// Quantities as people read them: three digits and a unit, digit groups, columns that line up.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace shoal {

// A unit of time or of bytes.
struct Unit {
  double size;       // in seconds or bytes
  double from;       // for quantities from here on
  const char* name;  // "min", "MB"
};
// s, min from two minutes, h from two hours, days from four days.
const Unit& time_unit(double seconds);
// B, kB, MB, GB, TB; powers of 1000.
const Unit& byte_unit(double bytes);

// "48.0 s", "31.5 min", "3.20 h".
std::string human_time(double seconds);
// "640 B", "310.0 MB", "1.20 GB".
std::string human_bytes(double bytes);
// "2,400,000".
std::string human_count(std::uint64_t count);
// "1,526.50": a non-negative value with so many decimals.
std::string human_fixed(double value, int decimals);

// Decimals, at most four, that leave three significant digits to the smallest magnitude in a
// column that is not zero; 0 when every value is 100 or more.
int column_decimals(const std::vector<double>& values);

}  // namespace shoal
