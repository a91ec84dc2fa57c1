#include "shoal/codec/sign.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fmt/format.h>

#include "shoal/codec/value_type.h"
#include "shoal/math/quantise.h"
#include "shoal/math/vector.h"

namespace shoal {
namespace {

// Entries looked at while they lie in the first-level cache; a multiple of 8.
constexpr std::size_t kChunk = 4096;
constexpr std::size_t kScaleBytes = 4;

std::size_t bit_bytes(std::size_t entries) { return (entries + 7) / 8; }

class Sign : public Codec {
 public:
  explicit Sign(const SignSettings& settings) : settings_(settings) {}

  CodecProperties properties(const Layout& layout) const override {
    CodecProperties properties;
    const std::size_t largest = largest_part(layout, settings_.scope);
    if (settings_.scaled)
      properties.contraction = 1.0 / static_cast<double>(std::max<std::size_t>(largest, 1));
    return properties;
  }

  Status encode(std::span<const float> row, const Layout& layout, const Draws&,
                ByteWriter& out) const override {
    SHOAL_CHECK(row.size() == layout.size(), "the row has the layout's size");
    return for_each_part(layout, settings_.scope, [&](const Part& part) -> Status {
      const auto entries = row.subspan(part.offset, part.size);
      std::byte* to = out.extend(header_bytes() + bit_bytes(part.size));
      SHOAL_TRY(const double total, pack(entries, to + header_bytes(), layout, part));
      const auto scale = static_cast<float>(total / static_cast<double>(part.size));
      if (settings_.scaled) std::memcpy(to, &scale, kScaleBytes);
      return ok_status();
    });
  }

  Status decode(ByteView bytes, const Layout& layout, const RandomStream&,
                std::span<float> row) const override {
    SHOAL_CHECK(row.size() == layout.size(), "the row has the layout's size");
    SHOAL_TRY_STATUS(for_each_part(layout, settings_.scope, [&](const Part& part) -> Status {
      const std::size_t expected = header_bytes() + bit_bytes(part.size);
      if (bytes.size() < expected)
        return corrupt(fmt::format("a sign message has {} bytes left for {}, which takes {}",
                                   bytes.size(), part_name(layout, part, settings_.scope),
                                   expected));
      SHOAL_TRY_STATUS(unpack(bytes.first(expected), row.subspan(part.offset, part.size)));
      bytes = bytes.subspan(expected);
      return ok_status();
    }));
    if (!bytes.empty()) return corrupt(fmt::format("{} bytes follow the last sign", bytes.size()));
    return ok_status();
  }

 private:
  std::size_t header_bytes() const { return settings_.scaled ? kScaleBytes : 0; }

  // Writes the bits and returns the sum of magnitudes, in one pass over memory.
  static Result<double> pack(std::span<const float> entries, std::byte* bits, const Layout& layout,
                             const Part& part) {
    double total = 0.0;
    for (std::size_t begin = 0; begin < entries.size(); begin += kChunk) {
      const auto chunk = entries.subspan(begin, std::min(kChunk, entries.size() - begin));
      const double sum = absolute_sum(chunk);
      if (!std::isfinite(sum)) {
        const std::size_t place = begin + first_not_finite(chunk);
        return not_finite(layout, part.offset + place, entries[place]);
      }
      pack_signs(chunk, bits + begin / 8);
      total += sum;
    }
    return total;
  }

  Status unpack(ByteView bytes, std::span<float> entries) const {
    float scale = 1.0f;
    if (settings_.scaled) std::memcpy(&scale, bytes.data(), kScaleBytes);
    if (!std::isfinite(scale) || std::signbit(scale))
      return corrupt("a sign message holds a scale that is no magnitude");
    const unsigned used = static_cast<unsigned>(entries.size() % 8);
    if (used > 0 && std::to_integer<unsigned>(bytes.back()) >> used != 0)
      return corrupt("the signs of a message end in set bits");
    unpack_signs(bytes.data() + header_bytes(), scale, entries);
    return ok_status();
  }

  SignSettings settings_;
};

Result<std::unique_ptr<Codec>> make_sign(const SignSettings& settings) {
  return {std::make_unique<Sign>(settings)};
}

}  // namespace

void describe(Settings& s, SignSettings& v) {
  s.flag("scaled", v.scaled, "times the mean magnitude, as error feedback needs it; else +-1");
  describe_scope(s, v.scope);
}

CatalogueEntry<Codec> sign_entry() {
  return catalogue_entry<Codec, SignSettings>("sign", "one bit an entry", "1802.04434", &make_sign);
}

}  // namespace shoal
