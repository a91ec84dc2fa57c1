// Bit strings, filled from the least significant bit of each byte.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "shoal/base/bytes.h"

namespace shoal {

// Appends four bytes at a time; finish() gives the rest.
class BitWriter {
 public:
  explicit BitWriter(ByteWriter& out) : out_(out) {}

  // The `count` low bits of value; count <= 32 and the bits above are zero.
  void bits(std::uint32_t value, unsigned count) {
    buffer_ |= std::uint64_t{value} << used_;
    used_ += count;
    if (used_ < 32) return;
    out_.number(static_cast<std::uint32_t>(buffer_));
    buffer_ >>= 32;
    used_ -= 32;
  }
  // `count` ones, then a zero.
  void unary(std::uint32_t count) {
    for (; count >= 32; count -= 32) bits(0xffffffffu, 32);
    bits((1u << count) - 1, count + 1);
  }
  // Fills the last byte with zeros.
  void finish() {
    for (; used_ > 0; used_ -= std::min(used_, 8u), buffer_ >>= 8)
      out_.number(static_cast<std::uint8_t>(buffer_));
  }

 private:
  ByteWriter& out_;
  std::uint64_t buffer_ = 0;
  unsigned used_ = 0;  // < 32 between calls
};

// Every read says whether the bytes held enough.
class BitReader {
 public:
  explicit BitReader(ByteView bytes) : bytes_(bytes) {}

  bool bits(unsigned count, std::uint32_t& value) {
    fill();
    if (held_ < count) return false;
    value = static_cast<std::uint32_t>(buffer_ & ((std::uint64_t{1} << count) - 1));
    drop(count);
    return true;
  }
  // Counts ones up to a zero; false above `limit`.
  bool unary(std::uint32_t limit, std::uint32_t& count) {
    std::uint64_t ones_so_far = 0;
    for (;;) {
      fill();
      if (held_ == 0) return false;
      const unsigned ones = static_cast<unsigned>(std::countr_one(buffer_));
      ones_so_far += std::min(ones, held_);
      if (ones_so_far > limit) return false;
      if (ones < held_) {
        drop(ones + 1);
        count = static_cast<std::uint32_t>(ones_so_far);
        return true;
      }
      drop(held_);
    }
  }
  // Bytes touched so far; valid padding means that the rest of the last one is zero.
  std::size_t bytes_used() const { return at_ - held_ / 8; }
  bool padding_is_zero() const { return (buffer_ & ((1u << held_ % 8) - 1)) == 0; }

 private:
  void fill() {
    while (held_ <= 56 && at_ < bytes_.size()) {
      buffer_ |= static_cast<std::uint64_t>(bytes_[at_++]) << held_;
      held_ += 8;
    }
  }
  void drop(unsigned count) {
    buffer_ = count < 64 ? buffer_ >> count : 0;
    held_ -= count;
  }

  ByteView bytes_;
  std::size_t at_ = 0;
  std::uint64_t buffer_ = 0;
  unsigned held_ = 0;  // bits of the buffer that came from bytes_; those above are zero
};

}  // namespace shoal
