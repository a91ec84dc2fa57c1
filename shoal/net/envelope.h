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

// The call that carries frames, as proofs name it.
inline constexpr std::string_view kSendMethod = "Send";

struct Proof {
  Nonce nonce{};  // random, a new one for every proof
  // The sender's clock when it signs, in the middle of the window of kClockSkew_s each way that the
  // receiver allows: identity/signature.h makes proofs that way.
  std::int64_t expires_unix_s = 0;
  Bytes signature;  // ECDSA P-256 over SHA-256, DER; empty where the run has no certificates
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

// The bytes that a proof signs: every field as u32 length and content, numbers little-endian.
// `server` names who receives, `method` the call (kSendMethod).
Bytes frame_statement(const FrameHead& head, std::string_view server, std::string_view method);

}  // namespace shoal
