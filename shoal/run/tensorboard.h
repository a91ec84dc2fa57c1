// TensorBoard event files from a ledger: `tensorboard --logdir runs` shows every figure.
#pragma once

#include <string>
#include <vector>

#include "shoal/run/ledger.h"

namespace shoal {

// The bytes of an event file: TFRecord frames (length, masked CRC-32C, data, masked CRC-32C) of
// Event protobufs, one scalar a figure and round; bytes_up, bytes_down and gradients are figures
// too. Wall times are the virtual ones, so the file is the same on every replay.
std::string tensorboard_events(const std::vector<LedgerLine>& lines);

}  // namespace shoal
