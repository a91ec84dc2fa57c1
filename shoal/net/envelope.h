// What travels around a frame between processes: who sends it to whom in which run, its size and
// digest, and a proof that binds all of that to the sender's key.
//
// The proof signs "shoal-frame-1", run, server, method, from, to, tag, round, size, SHA-256 of the
// body, nonce and expiry, each with its length, so no field can be moved to another frame, round,
// run or receiver.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "shoal/base/ids.h"
#include "shoal/base/sha256.h"
#include "shoal/node/message.h"

namespace shoal {

using Nonce = std::array<std::byte, 16>;

struct Proof {
  Nonce nonce{};
  std::int64_t expires_unix_s = 0;
  Bytes signature;  // empty where the run has no certificates
};

struct FrameHead {
  std::string run;
  NodeId from = 0;
  NodeId to = 0;
  Tag tag{};
  Step round = 0;
  std::uint64_t size_bytes = 0;
  Digest sha256{};
  Proof proof;
};

// The bytes that a proof signs. `server` names who receives, `method` the call ("Send").
Bytes frame_statement(const FrameHead& head, std::string_view server, std::string_view method);

}  // namespace shoal
