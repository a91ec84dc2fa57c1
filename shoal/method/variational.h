// Compressed distributed variational inequalities: MASHA1 and MASHA2 (arXiv 2110.03313, on the
// loopless variance-reduced extragradient of 2102.08352), extragradient, and what one would try
// first. Find z* with <F(z*), z - z*> >= 0 for all z of a set, F = mean of the workers' F_m; saddle
// problems, min-max, games. A model without an operator of its own has its gradient for one.
//
// Everybody holds the point z, an anchor w and F(w). Iteration k of MASHA, C with [codec]:
//   zh = P(tau z + (1 - tau) w - gamma F(w))
//   masha1  D_m = C(F_m(zh) - F_m(w)),  G = S(mean D_m),  z <- P(tau z + (1 - tau) w
//                                                               - gamma (F(w) + G))
//   masha2  v_m = gamma (F_m(zh) - F_m(w)) + e_m,  D_m = C(v_m),  e_m <- v_m - D_m
//           v = mean D_m + e,  G = S(v),  e <- v - G,  z <- zh - G
//   with probability 1 - tau, one draw for all: w <- z, and F_m(w) is sent whole
// P is the projection on the set, S the server's codec. masha1 wants unbiased codecs, masha2
// contractive ones, and no set. masha2's errors are in step units: gamma is inside, and stays.
//   extragradient             masha1 with tau = 0 and nothing compressed: w = z always
//   compressed_extragradient  zh = z - gamma mean C(F_m(z)), z <- z - gamma mean C(F_m(zh))
//   qsgda                     z <- z - gamma mean C(F_m(z))
//   ef_gda                    v_m = gamma F_m(z) + e_m, D_m = C(v_m), z <- z - mean D_m
//
// A worker's codec draws from a stream that it shares with the server and with nobody else:
// Rand-K's places cost nothing (seed_mode = "shared"), and the workers' choices stay independent,
// so that their mean varies less. With `common_draws` all choose the same: then nothing averages
// out, but what is compressed is in effect the mean, which vanishes at z*.
//
// Stochastic: `batch` rows of a worker, the same at zh and at w, drawn anew in each iteration; the
// anchor takes all. Partial participation: `participants` workers, drawn for all from the seed.
//
// Wire: float32 in runs of both precisions. Up, per iteration and participant, what the codec
// writes; down the same by the server's. With an anchor, in 1 - tau of the iterations, 4 d bytes
// each way. 32 bytes of frame each. D_m is taken to what the server was told of F_m(w), rounding
// included, so that F(w) + G is unbiased for F(zh); rounding leaves a floor of some 1e-14 |F_m|^2.
//
// A worker that misses a message of the server does not know the point any more, so it leaves, and
// the server goes on with those who answer: F is the mean over them from the next anchor on.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "shoal/method/method.h"
#include "shoal/method/proximal.h"

namespace shoal {

enum class VariationalKind {
  kMasha1,
  kMasha2,
  kExtragradient,
  kCompressedExtragradient,
  kQsgda,
  kEfGda,
};

struct VariationalSettings {
  std::int64_t iterations = 1000;
  double gamma = 0.1;
  double tau = 0.8;
  std::int64_t participants = 0;
  std::int64_t batch = 0;
  bool common_draws = false;
  ConstraintSettings constraint;
  std::vector<std::string> server_codec;  // "key=value", as of a [codec]; empty: dense
};

// What all nodes of a run share, read-only.
template <class Scalar>
struct VariationalJob {
  VariationalKind kind = VariationalKind::kMasha1;
  VariationalSettings settings;
  const Problem<Scalar>* problem = nullptr;
  const Codec* device_codec = nullptr;  // never null
  std::unique_ptr<const Codec> own_device_codec;
  std::unique_ptr<const Codec> server_codec;
  std::uint64_t seed = 1;
  double patience_s = 0.0;

  const Layout& layout() const { return problem->models->layout(); }
  std::size_t dimension() const { return problem->dimension(); }
  Step iterations() const { return static_cast<Step>(settings.iterations); }
  bool has_anchor() const {
    return kind == VariationalKind::kMasha1 || kind == VariationalKind::kMasha2 ||
           kind == VariationalKind::kExtragradient;
  }
  bool keeps_errors() const {
    return kind == VariationalKind::kMasha2 || kind == VariationalKind::kEfGda;
  }
  // Messages up and down in an iteration, and what their codecs' draws are keyed by.
  std::size_t exchanges() const {
    return kind == VariationalKind::kCompressedExtragradient ? 2 : 1;
  }
  Step message_round(Step step, std::size_t exchange) const {
    return static_cast<Step>(step * exchanges() + exchange);
  }
  // The server may wait twice for somebody silent before it answers the others.
  double worker_patience_s() const { return 3.0 * patience_s; }
  // Whether the anchor moves to the point at the beginning of this iteration.
  bool moves_anchor(Step step) const;
  // Node ids that take part in an iteration, increasing.
  std::vector<NodeId> participants(Step step) const;
};

// The draw of b after iteration `step`: P(moves) = 1 - tau.
bool draws_anchor(std::uint64_t seed, double tau, Step step);

// The two sides' random numbers: they must not choose the same entries. The device's `shared`
// stream is that of this sender and the server, or of all with `common`.
Draws device_draws(std::uint64_t seed, NodeId sender, Step round, bool common);
Draws server_draws(std::uint64_t seed, Step round);

template <class Scalar>
Task<> variational_server(Node& node, std::shared_ptr<const VariationalJob<Scalar>> job);
template <class Scalar>
Task<> variational_worker(Node& node, std::shared_ptr<const VariationalJob<Scalar>> job);

inline constexpr NodeId kVariationalServer = 0;
inline constexpr Tag kDeltaTag = tag("delta");    // "row", by the device's codec
inline constexpr Tag kAnswerTag = tag("answer");  // "row", by the server's; opens the next round
inline constexpr Tag kHalfTag = tag("half");      // as "delta": of compressed_extragradient
inline constexpr Tag kHalfAnswerTag = tag("halfway");  // its answer, in the same round
inline constexpr Tag kAnchorTag = tag("anchor");       // "f", F_m(w) as float32
inline constexpr Tag kOperatorTag = tag("operator");   // "f", F(w) as float32

}  // namespace shoal
