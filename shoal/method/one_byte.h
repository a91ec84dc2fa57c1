// Just One Byte: training over a network with one byte a gradient (arXiv 2306.10015, on top of
// MeZO, 2305.17333, and SPSA, Spall 1992). Every machine measures the slope of the loss along
// random directions that everybody can make again (directions.h), so a quantised number a direction
// is all that crosses the network, and every machine applies everybody's.
//
//   p = (f(x + eps z; B) - f(x - eps z; B)) / (2 eps)            one batch B for both
//   x <- x - lr norm(N) sum over the N counted samples, by worker and sample, of dec(enc(p)) z
//
// The coordinator (node 0) keeps the roster: what has come when a round closes counts for
// everybody, what comes later for nobody. It opens round r with what counted in round r - 1, and
// keeps the log of all rounds. A worker that has missed rounds, or comes late and has missed all,
// says where it stands and is sent them: the log and the initial parameters are the model, to the
// bit. Every hash_every rounds the workers send a checksum of their parameters with their slopes;
// one that differs from the coordinator's does not count and must begin anew, from the log.
//
// A round is over when as many workers have answered as are known to be up: those that counted in
// the round before, or said that they stand in it. One that is not waited for is still heard.
//
// Wire, per worker and round: up a frame of 32 bytes and its S slopes (byte: 1 byte each); down a
// frame of 32 bytes, ceil(n / 8) of roster, and all n S slopes. Work, per worker and round: 2 S
// evaluations of a batch, and n S d numbers made again, which are the price of the silence.
//
// A liar can move the model along known directions only, and by at most clip times what the median
// sample does. Slopes along known directions say all about a gradient after some d of them: this
// saves bytes and hides nothing.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "shoal/method/directions.h"
#include "shoal/method/method.h"
#include "shoal/method/round_log.h"

namespace shoal {

enum class SlopeNorm { kMean, kSqrt };
enum class Evaluating { kCopy, kInPlace };

struct OneByteSettings {
  std::int64_t rounds = 600;
  std::int64_t samples = 1;
  std::int64_t batch = 64;
  double eps = 1e-3;
  double learning_rate = 0.06;
  SlopeCode code = SlopeCode::kByte;
  SlopeNorm norm = SlopeNorm::kMean;
  DirectionLaw directions = DirectionLaw::kGaussian;
  Evaluating evaluate = Evaluating::kCopy;
  std::int64_t restore_every = 16;
  std::int64_t hash_every = 64;
  double clip = 10.0;
  double round_deadline_s = 0.0;
};
void describe(Settings& s, OneByteSettings& v);

// What all nodes of a run share, read-only.
template <class Scalar>
struct OneByteJob {
  OneByteSettings settings;
  const Problem<Scalar>* problem = nullptr;
  Directions directions{0, 1, DirectionLaw::kGaussian};
  RoundShape shape;
  std::vector<NodeId> workers;  // nodes with data, increasing; worker i is node i + 1
  double patience_s = 0.0;
  ThreadPool* pool = nullptr;

  std::size_t samples() const { return shape.samples; }
  Step rounds() const { return static_cast<Step>(settings.rounds); }
  // Whether the slopes of this round come with a checksum of the parameters that they were found
  // at.
  bool is_hash_round(Step round) const {
    return round > 0 && round % static_cast<Step>(settings.hash_every) == 0;
  }
};

// The slopes of a round, no larger than clip times the median size of those that are not 0; clip 0
// leaves them.
std::vector<double> clipped_slopes(std::vector<double> slopes, double clip);
// x after the round, from x before it.
template <class Scalar>
void apply_round(const OneByteJob<Scalar>& job, Step round, const CountedRound& counted,
                 std::span<Scalar> x);
// The parameters after the first `rounds` rounds of the log, from the initial ones.
template <class Scalar>
std::vector<Scalar> replay_log(const OneByteJob<Scalar>& job, const RoundLog& log,
                               std::size_t rounds);
// Modelled operations of apply_round() for that many samples.
template <class Scalar>
double apply_round_flops(const OneByteJob<Scalar>& job, std::size_t samples);
// What parameters are compared by.
template <class Scalar>
std::uint32_t parameter_hash(std::span<const Scalar> parameters);

template <class Scalar>
Result<std::shared_ptr<const OneByteJob<Scalar>>> make_one_byte_job(const OneByteSettings& settings,
                                                                    const MethodParts& parts,
                                                                    const Problem<Scalar>& problem);

template <class Scalar>
Task<> one_byte_coordinator(Node& node, std::shared_ptr<const OneByteJob<Scalar>> job);
template <class Scalar>
Task<> one_byte_worker(Node& node, std::shared_ptr<const OneByteJob<Scalar>> job);

inline constexpr NodeId kCoordinator = 0;
// Rounds of the log in one frame, in bytes: a frame of the coordinator may be that large beside a
// small model.
inline constexpr std::size_t kLogFrameBytesMax = std::size_t{60} << 10;

// Tags and parts on the wire. A frame is keyed by the round that is open when it is sent.
inline constexpr Tag kRoundTag = tag("round");    // "counted" in the round before, but for round 0
inline constexpr Tag kOverTag = tag("over");      // the same, after the last round
inline constexpr Tag kLogTag = tag("log");        // "rounds" from number "from" on; "anew"
inline constexpr Tag kSlopesTag = tag("slopes");  // "slopes"; "bad", how many have no value; "hash"
inline constexpr Tag kHereTag = tag("here");      // "next", the first round it lacks

}  // namespace shoal
