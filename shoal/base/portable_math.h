// log and exp from IEEE additions, multiplications and divisions only, so that every compiler and
// C library gives the same bits (the build forbids contraction into fused operations).
//
// Accuracy: within 2 units in the last place over the normal range, checked against the C library.
// Used where a random draw depends on the value; elsewhere std::log and std::exp are fine.
#pragma once

namespace shoal {

// Natural logarithm of x > 0.
double portable_log(double x);
// e^x; 0 below -745, infinity above 709.78.
double portable_exp(double x);

}  // namespace shoal
