// Work: what encoding and decoding take on the virtual clock.
//
// Runs never measure time, so a codec's is modelled: nanoseconds an entry as bench/codec_bench
// measured them on one core of the machine named in work.cc, times that core's speed in matrix
// products in the same run, which is what modelled operations of training are counted in. A node of
// half the speed then trains and encodes at half the speed. Copying raw scalars is free.
//
// Spectral ATOMO grows with the smaller side of a matrix, PowerSGD with its rank; any other codec
// has one figure an entry, whatever its settings.
#pragma once

#include "shoal/base/value.h"
#include "shoal/codec/feedback.h"
#include "shoal/model/layout.h"

namespace shoal {

struct CodecWork {
  double encode_flops_per_entry = 0.0;
  double decode_flops_per_entry = 0.0;

  // Of one encoding and so many decodings of rows of that size: what a peer does in a step.
  double exchange_flops(std::size_t size, std::size_t decodings) const {
    return static_cast<double>(size) *
           (encode_flops_per_entry + static_cast<double>(decodings) * decode_flops_per_entry);
  }
};

// Of a resolved [codec] table; empty: nothing. Feedback is added to encoding.
CodecWork codec_work(const Table& codec, const FeedbackSettings& feedback, const Layout& layout);

}  // namespace shoal
