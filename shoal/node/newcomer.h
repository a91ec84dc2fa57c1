// Newcomer: where a node begins that comes to a run under way without its state, as a peer does
// that was killed and has lost its disk.
//
// It begins at a step that neither a neighbour nor the process that was here before is known to
// have begun, so nothing that was sent for that step has gone to that process. For the steps before
// it, in which neighbours may still wait, it tells them that it has nothing. So they come to its
// step without waiting for a deadline, and it finds there what they send. Where that knowledge was
// behind by k steps, or a neighbour stood further back than kMissedStepsMax, some of them wait for
// their whole patience up to k times, while what is sent meanwhile waits in inboxes: then they have
// met. Nothing waits for longer than the patience of one wait, ever.
//
// Wire: one frame with the tag "newcomer" and the step as its round: a count "from" and, where a
// replica is known, the vector "x".
#pragma once

#include "shoal/base/bytes.h"
#include "shoal/base/ids.h"
#include "shoal/node/message.h"

namespace shoal {

// Steps for which a newcomer tells its neighbours that it has nothing; they and its first message
// fit what is kept for a receiver.
inline constexpr Step kMissedStepsMax = 7;

struct Newcomer {
  Step missed_from = 0;  // its neighbours may wait for it in steps from here on
  Step step = 0;         // it begins here; 0: as everybody did
  Bytes replica;         // scalars; empty: none is known, it has the model that all began with
};

Frame newcomer_frame(const Newcomer& newcomer);
// What another process says: `dimension` finite scalars or none, and steps of a run of `length`.
template <class Scalar>
Result<Newcomer> read_newcomer(const Frame& frame, std::size_t dimension, Step length);

}  // namespace shoal
