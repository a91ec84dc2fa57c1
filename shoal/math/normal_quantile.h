// Quantile of the standard normal distribution.
#pragma once

namespace shoal {

// Phi^-1(p) for p in [1e-10, 1 - 1e-10] (checked), to about 1e-15 relative: rational approximations
// of Wichura (1988), algorithm AS 241, evaluated with portable_log so that the bits do not depend
// on the C library.
double normal_quantile(double p);

}  // namespace shoal
