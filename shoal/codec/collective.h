// Collective codecs: all workers of a round encode together. Messages are summed on the way, in a
// few rounds, and the sum of one round goes into what a worker sends in the next.
//
//   encoding->begin(row, shared);
//   for (std::size_t round = 0; round < encoding->rounds(); ++round) {
//     replace encoding->values(round) by its sum over all workers
//     encoding->summed(round, workers);
//   }
//   encoding->finish(mean, own);
#pragma once

#include <memory>
#include <span>

#include "shoal/base/bytes.h"
#include "shoal/base/random.h"
#include "shoal/model/layout.h"

namespace shoal {

// One worker's side, and what it keeps from row to row: the same at all workers.
class CollectiveEncoding {
 public:
  virtual ~CollectiveEncoding() = default;
  virtual void begin(std::span<const float> row, const RandomStream& shared) = 0;
  // Of this row, known once it has begun.
  virtual std::size_t rounds() const = 0;
  // What this worker sends in the round; summed in place.
  virtual std::span<float> values(std::size_t round) = 0;
  // Error: the sum is not finite, so some worker's row was not, or too large.
  virtual Status summed(std::size_t round, std::size_t workers) = 0;
  // The mean row as all workers decode it, and what of this worker's own row counts as sent.
  virtual void finish(std::span<float> mean, std::span<float> own) = 0;
  // Takes over what another encoding, of other tensors or settings, has learnt about the same ones.
  virtual void take_over(const CollectiveEncoding& other) = 0;

  virtual void save(ByteWriter& out) const = 0;
  virtual Status load(ByteReader& in) = 0;
};

// Optional ability of a codec, asked for with dynamic_cast.
class CollectiveCodec {
 public:
  virtual ~CollectiveCodec() = default;
  // The layout outlives the encoding.
  virtual std::unique_ptr<CollectiveEncoding> collective(const Layout& layout) const = 0;
};

}  // namespace shoal
