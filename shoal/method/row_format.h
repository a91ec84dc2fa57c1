// How the peers of a method write a vector of the model's shape into a message: as raw scalars, or
// as what the [codec] makes of it.
//
// The writer learns what its receivers will read, rounding and all: a method that balances what it
// keeps against what it has sent must use those values, not its own.
#pragma once

#include <span>

#include "shoal/codec/row.h"
#include "shoal/node/node.h"

namespace shoal {

template <class Scalar>
class RowFormat {
 public:
  RowFormat() = default;  // raw scalars
  // `codec` may be null; else it outlives the format.
  RowFormat(const Codec* codec, const Layout& layout, std::uint64_t seed)
      : codec_(codec), layout_(layout), seed_(seed) {}

  bool is_encoded() const { return codec_ != nullptr; }

  // Appends the row, the `round`-th that the sender writes, and puts what receivers will read into
  // `read_back`. An error when a value is not finite, or has no encoding.
  Status write(std::span<const Scalar> row, NodeId sender, Step round, ByteWriter& out,
               std::span<Scalar> read_back) const;
  // A row of the same round number, into finite values. On an error `row` holds anything.
  Status read(ByteView bytes, Step round, std::span<Scalar> row) const;

 private:
  const Codec* codec_ = nullptr;
  Layout layout_;
  std::uint64_t seed_ = 0;
};

// A codec that only rounds: its squared error is at most 2^-16 of the row's squared norm, which is
// that of bf16. Casts, and sparse codecs that keep everything.
bool only_rounds(const CodecProperties& properties);
// For methods that can bear no more: ok, or the sentence `why`, and what to do instead.
Status check_only_rounds(const Codec& codec, const Layout& layout, const char* why);

}  // namespace shoal
