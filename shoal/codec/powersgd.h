// PowerSGD (Vogels, Karimireddy, Jaggi 2019, 1905.13727): a matrix is sent as a product of rank r,
// found by one step of power iteration from where the last one ended.
//
// A tensor of 2 dimensions or more is a matrix M of its first dimension n by all others m. With Q
// (m x r) the same at all W workers:
//   P_w = M_w Q               round 1: P = sum_w P_w
//   P^ = columns of P made orthonormal (modified Gram-Schmidt, low_rank.h)
//   Q_w = M_w' P^             round 2: Q = mean_w Q_w, kept for the next row when warm_start
//   the mean row is P^ Q'     own share: P^ Q' (error_form = aggregate) or P^ Q_w' (local)
// All matrices' P are one message, and so are all Q. Tensors of 1 dimension, and matrices that this
// would not make smaller by a factor of min_compression, are averaged as they are, in round 1. The
// first start_step rows are, too.
//
// Linear in the rows, for a given Q; with feedback = "ef" the errors of all workers stay outside.
// The aggregate error holds a worker's whole deviation from the mean, so its norm says nothing.
//
// As a codec by itself (P^ and Q_w of one row, from a Q drawn anew): contractive with the least
// r / min(n, m), the part of a random subspace. Rank min(n, m) sends the tensor as it is.
//
// Wire, per worker and row: 4 r (n + m) bytes a matrix, 4 d a dense tensor, summed over a ring.
// Cost: two products of a matrix with r columns, and r^2 n for the orthogonalisation.
#pragma once

#include "shoal/codec/codec.h"

namespace shoal {

enum class PowerSgdError { kAggregate, kLocal };

struct PowerSgdSettings {
  std::int64_t rank = 2;
  bool warm_start = true;
  PowerSgdError error_form = PowerSgdError::kAggregate;
  double epsilon = 1e-8;
  double min_compression = 1.0;
  std::int64_t start_step = 0;
};
void describe(Settings& s, PowerSgdSettings& v);

CatalogueEntry<Codec> powersgd_entry();

}  // namespace shoal
