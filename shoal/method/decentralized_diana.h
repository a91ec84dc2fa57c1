// Decentralised optimisation that converges linearly to the exact optimum although every message is
// compressed: "A Linearly Convergent Algorithm for Decentralized Optimization: Sending Less Bits
// for Free!", Kovalev, Koloskova, Jaggi, Richtarik, Stich, arXiv 2011.01697, which its authors call
// decentralized DIANA. The listing followed here is that of its sibling LEAD (Liu, Li, Wang, Tang,
// Yan, arXiv 2007.00232), which has the same parts: a primal step, a dual step on a gossiped
// difference, and a shift that the compressor learns.
//
// Peer i holds x_i, the dual z_i (0 at the start), the shift h_i and s_i = sum_j w_ij (h_i - h_j).
// In every step, with g_i the gradient at x_i and Q any unbiased codec with variance factor omega:
//   y_i = x_i - eta (g_i + z_i)
//   q_i = Q(y_i - h_i)                                            sent
//   u_i = s_i + sum_j w_ij (q_i - q_j)                            = (L (h + q))_i
//   z_i <- z_i + gam / (2 eta) u_i
//   h_i <- h_i + a q_i,   s_i <- s_i + a sum_j w_ij (q_i - q_j)
//   x_i <- x_i - eta (g_i + z_i)                                  with the new z_i
// At the fixed point x_i = x*, z_i = -grad f_i(x*) and q_i = 0: the noise of the codec goes with
// the messages. sum_i z_i stays 0, so the mean model moves by the mean gradient, whatever Q does.
// All h_i begin at the common start x_i, which costs nothing.
//
// The weights are those of [mixing] without the own ones, L = I - W, divided by the largest
// eigenvalue of L (scale_weights), so that the bound gam lmax <= 2 reads gam <= 2.
//
// gam = 0 stands for 1 / (1 + omega)^2. The card's 1 / (1 + omega) is too large: with Rand-K of 10
// of 40 entries (omega = 3) on a ring the method diverges at 0.2 already.
#pragma once

#include <span>
#include <vector>

#include "shoal/method/difference_gossip.h"

namespace shoal {

struct DianaConstants {
  double step = 0.0;        // eta
  double dual_step = 0.0;   // gam
  double shift_rate = 0.0;  // a; 0: no shift at all, h = 0
};

template <class Scalar>
class DecentralizedDiana : public DifferenceVariant<Scalar> {
 public:
  explicit DecentralizedDiana(const DianaConstants& constants) : constants_(constants) {}

  std::span<const Scalar> difference(const Replica<Scalar>& replica) override;
  void absorb(Replica<Scalar>& replica, std::span<const Scalar> sent,
              std::span<const Scalar> pull) override;

  std::span<const Scalar> dual() const { return dual_; }             // z_i
  std::span<const Scalar> shift() const { return shift_; }           // h_i
  std::span<const Scalar> shift_apart() const { return apart_; }     // s_i
  std::span<const Scalar> last_difference() const { return away_; }  // y_i - h_i

  void save(ByteWriter& out) const override;
  Status load(ByteReader& in) override;

 private:
  void begin(const Replica<Scalar>& replica);

  DianaConstants constants_;
  std::vector<Scalar> dual_;
  std::vector<Scalar> shift_;
  std::vector<Scalar> apart_;
  std::vector<Scalar> away_;
};

}  // namespace shoal
