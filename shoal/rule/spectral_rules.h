// Rules that look at the covariance of the rows, all on their n x n inner products. Both need
// n > 2f and ignore claimed weights.
//
//   caf   covariance bound-agnostic filter, as in the library byzfl: all rows have a weight c_i =
//   1;
//         while their sum is above n - 2f, rows lose weight c_i (t_i / max t) where
//         t_i = <x_i - mu, u>^2 about the weighted mean mu along the top eigenvector u of the
//         weighted covariance. The result is the mu whose top eigenvalue was least. With f = 0 that
//         is the mean. At most n passes of O(n^3).
//   smea  smallest maximum eigenvalue averaging (Allouah et al. 2023, 2302.04787): the mean of the
//         n - f rows whose covariance has the smallest top eigenvalue, ties to the lower senders.
//         It tries all C(n, f) subsets, so n <= 15.
#pragma once

#include "shoal/rule/rule.h"

namespace shoal {

inline constexpr std::size_t kSmeaRowsMax = 15;

CatalogueEntry<Rule> caf_entry();
CatalogueEntry<Rule> smea_entry();

}  // namespace shoal
