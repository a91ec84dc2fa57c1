// The consensus step of CHOCO-SGD's theory (choco.cc).
#pragma once

namespace shoal {

// gap: 1 - max(|l2|, |ln|) of W; width: ||I - W|| = 1 - ln; contraction: delta of the codec.
double choco_consensus_step(double gap, double width, double contraction);

}  // namespace shoal
