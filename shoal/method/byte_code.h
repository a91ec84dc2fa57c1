// How one slope p crosses the network, a directional derivative known to a few percent at most.
//
//   byte             bit 7 the sign, bits 0-6 m: |p| = exp((m - 64) / 8), and 0 for m = 0;
//                    m = clamp(round(8 ln |p|) + 64, 1, 127). From 3.8e-4 to 2631, wrong by at most
//                    exp(1/16) - 1 = 6.45 % between.
//   byte_stochastic  the same codes; |p| goes to one of its two neighbours, 0 being one, so that
//   the
//                    expectation is p up to 2631
//   f32              4 bytes, rounded
//   sign             1 bit: +1 or -1; 0 counts as +1. Packed, the last byte filled with zeros
//
// Just One Byte (arXiv 2306.10015) describes the code; its official formula, 16 ln |p| within
// [-127, 127] and a sign, has 510 values, which are 9 bits. The byte above is ours.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "shoal/base/bytes.h"
#include "shoal/base/random.h"
#include "shoal/codec/codec.h"

namespace shoal {

enum class SlopeCode { kByte, kByteStochastic, kF32, kSign };

// The nearest code of a finite p.
std::uint8_t byte_of_slope(double slope);
// One of the two neighbours; u is uniform on [0, 1).
std::uint8_t byte_of_slope(double slope, double u);
double slope_of_byte(std::uint8_t code);

// What `count` slopes take.
std::size_t encoded_slopes_bytes(SlopeCode code, std::size_t count);
// Appends finite slopes. `draws` feeds byte_stochastic and nothing else.
void encode_slopes(SlopeCode code, std::span<const double> slopes, RandomStream& draws,
                   ByteWriter& out);
// Appends slopes that decode_slopes() gave: they come out as they went in.
void encode_decoded_slopes(SlopeCode code, std::span<const double> slopes, ByteWriter& out);
// Error: another number of bytes, a slope that is not finite, or bits set behind the last one.
Result<std::vector<double>> decode_slopes(SlopeCode code, ByteView bytes, std::size_t count);

// The slopes of a message as a row of floats, for who knows rows and codecs only: the [attack]s.
class SlopeCodec : public Codec {
 public:
  explicit SlopeCodec(SlopeCode code) : code_(code) {}
  CodecProperties properties(const Layout& layout) const override;
  Status encode(std::span<const float> row, const Layout& layout, const Draws& draws,
                ByteWriter& out) const override;
  Status decode(ByteView bytes, const Layout& layout, const RandomStream& shared,
                std::span<float> row) const override;

 private:
  SlopeCode code_;
};

}  // namespace shoal
