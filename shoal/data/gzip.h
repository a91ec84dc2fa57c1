// Reading gzip (RFC 1952) through zlib, stepwise, so that a small file that claims to be huge costs
// only what it really holds, and never more than a stated limit. One member a file; the checksum is
// verified; bytes behind the end are an error.
#pragma once

#include <cstdint>
#include <memory>

#include "shoal/base/bytes.h"
#include "shoal/base/result.h"

namespace shoal {

// Most bytes that a compressed file may unfold to unless a caller says otherwise.
inline constexpr std::uint64_t kMaxInflatedBytes = std::uint64_t{1} << 30;

bool is_gzip(ByteView bytes);

// Inflates piece by piece. The input must outlive it.
class GzipReader {
 public:
  explicit GzipReader(ByteView bytes);
  ~GzipReader();
  GzipReader(const GzipReader&) = delete;
  GzipReader& operator=(const GzipReader&) = delete;

  // Appends up to `count` bytes to `out`, growing it by at most 1 MiB ahead of what has arrived;
  // fewer mean that the stream has ended.
  Status append(Bytes& out, std::uint64_t count);
  // An error unless the stream has ended just here with a right checksum.
  Status expect_end();

 private:
  struct State;
  Result<std::size_t> some(std::byte* out, std::size_t count);
  std::unique_ptr<State> state_;
};

// The whole file, or an error when it would unfold to more than max_bytes.
Result<Bytes> gunzip(ByteView bytes, std::uint64_t max_bytes = kMaxInflatedBytes);

}  // namespace shoal
