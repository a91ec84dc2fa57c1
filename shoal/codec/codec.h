// Codec: a row of floats into bytes and back. What crosses the wire is what encode() wrote.
//
// A codec declares what it is; the composition check and the tests hold it to that. Decoding trusts
// nothing: it returns an error, allocates nothing beyond its output, and never asserts on bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "shoal/base/bytes.h"
#include "shoal/base/catalogue.h"
#include "shoal/codec/draws.h"
#include "shoal/model/layout.h"

namespace shoal {

struct CodecProperties {
  bool lossless = false;
  // E[decode(encode(v))] = v and E||decode(encode(v)) - v||^2 <= variance_factor ||v||^2.
  std::optional<double> variance_factor;
  // E||decode(encode(v)) - v||^2 <= (1 - contraction) ||v||^2, 0 < contraction <= 1.
  std::optional<double> contraction;
  bool linear = false;  // encodings under one seed can be summed
};

class Codec {
 public:
  virtual ~Codec() = default;
  virtual CodecProperties properties(const Layout& layout) const = 0;
  // Appends the encoding of row (row.size() == layout.size()) to `out`. A NaN or infinity in the
  // row is an error that names its tensor and index. `draws` feeds randomised codecs.
  virtual Status encode(std::span<const float> row, const Layout& layout, const Draws& draws,
                        ByteWriter& out) const = 0;
  // Writes every element of `row`. All of `bytes` must be used. `shared` is the sender's, in a
  // fresh copy.
  virtual Status decode(ByteView bytes, const Layout& layout, const RandomStream& shared,
                        std::span<float> row) const = 0;
};

// Optional ability of linear codecs, asked for with dynamic_cast: the messages of a round hold the
// same entries at all nodes, so their values can be summed on the way.
class SharedPlaces {
 public:
  virtual ~SharedPlaces() = default;
  // The entries of a row that messages drawn from `shared` hold, each once, in a fixed order. Only
  // where properties(layout).linear.
  virtual Status shared_places(const Layout& layout, const RandomStream& shared,
                               std::vector<std::uint32_t>& places) const = 0;
};

// All codecs by name (catalogue.cc).
const Catalogue<Codec>& codecs();

}  // namespace shoal
