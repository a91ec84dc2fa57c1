// Error feedback (Seide et al. 2014; Stich et al. 2018, 1809.07599; 1901.09847): what a codec lost
// is added to the next row, so that a contractive codec loses nothing in the long run.
//
//   p = row + e;   send C(p);   e <- p - decode(C(p))
//
// The DECODED vector is subtracted, with all its rounding. State: d floats, one object per sender
// (and per stream of rows). Nothing more goes over the wire than the codec writes.
#pragma once

#include <span>
#include <vector>

#include "shoal/codec/codec.h"

namespace shoal {

class ErrorFeedback {
 public:
  // e = 0, of `size` entries.
  explicit ErrorFeedback(std::size_t size) : residual_(size, 0.0f) {}

  // Appends the encoding of row + e to `out`, writes what a receiver decodes to `decoded`, and
  // keeps the rest. On an error e is unchanged.
  Status encode(const Codec& codec, std::span<const float> row, const Layout& layout,
                const Draws& draws, ByteWriter& out, std::span<float> decoded);

  std::span<const float> residual() const { return residual_; }
  void reset();

  void save(ByteWriter& out) const;
  // Into an object of the same size; else an error.
  Status load(ByteReader& in);

 private:
  std::vector<float> residual_;
  std::vector<float> input_;  // scratch
};

}  // namespace shoal
