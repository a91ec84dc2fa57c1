// What makes a suspended program resumable: the state it kept when its step began, and the inputs
// it has consumed since. Replaying those inputs brings a fresh coroutine to the same place.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "shoal/base/bytes.h"
#include "shoal/base/ids.h"
#include "shoal/node/message.h"

namespace shoal {

// How one wait ended.
struct Input {
  double time_s = 0.0;
  bool timed_out = false;
  std::vector<Message> messages;
  std::vector<NodeId> missing;
};

struct Snapshot {
  Step step = 0;
  double time_s = 0.0;  // when the step began, or later while the program was parked in it
  Bytes kept;
  std::vector<Input> log;
};

struct Replay {
  Step step = 0;
  double time_s = 0.0;  // the clock of the program while it catches up
  Bytes kept;
  std::size_t kept_at = 0;
  std::vector<Input> log;
  std::size_t next = 0;
  Status status;
  bool send_again = false;
};

// Frames of a checkpoint, each stored once however many inboxes hold it.
class FrameTable {
 public:
  std::uint32_t index_of(const Frame& frame);
  Result<Frame> at(std::uint32_t index) const;
  void save(ByteWriter& out) const;
  Status load(ByteReader& in);

 private:
  std::vector<Frame> frames_;
  std::unordered_map<const Bytes*, std::uint32_t> indices_;  // looked up, never iterated
};

void save_message(const Message& message, ByteWriter& out, FrameTable& frames);
Result<Message> load_message(ByteReader& in, const FrameTable& frames);
void save_input(const Input& input, ByteWriter& out, FrameTable& frames);
Result<Input> load_input(ByteReader& in, const FrameTable& frames);

}  // namespace shoal
