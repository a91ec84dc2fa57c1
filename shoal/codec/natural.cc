#include "shoal/codec/natural.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <fmt/format.h>
#include <limits>

#include "shoal/codec/value_type.h"
#include "shoal/math/quantise.h"
#include "shoal/math/random_bits.h"
#include "shoal/math/vector.h"

namespace shoal {
namespace {

constexpr std::size_t kChunk = 2048;
constexpr std::size_t kExponentBytes = 2;
constexpr int kLeastExponent = -149, kLargestExponent = 127;
constexpr double kVarianceFactor = 0.125;

// What each byte stands for; NaN where it stands for no float.
std::array<float, 256> values_under(int exponent) {
  std::array<float, 256> values{};
  for (int code = 1; code < 128; ++code) {
    const int power = exponent - 127 + code;
    const float value =
        power < kLeastExponent ? std::numeric_limits<float>::quiet_NaN() : std::ldexp(1.0f, power);
    values[static_cast<std::size_t>(code)] = value;
    values[static_cast<std::size_t>(code + 128)] = -value;
  }
  values[128] = -0.0f;
  return values;
}

class Natural : public Codec {
 public:
  explicit Natural(const NaturalSettings& settings) : settings_(settings) {}

  CodecProperties properties(const Layout&) const override {
    CodecProperties properties;
    properties.variance_factor = kVarianceFactor;
    properties.contraction = 1.0 - kVarianceFactor;
    return properties;
  }

  Status encode(std::span<const float> row, const Layout& layout, const Draws& draws,
                ByteWriter& out) const override {
    SHOAL_CHECK(row.size() == layout.size(), "the row has the layout's size");
    RandomStream stream = draws.own;
    return for_each_part(layout, settings_.scope, [&](const Part& part) -> Status {
      const auto entries = row.subspan(part.offset, part.size);
      SHOAL_TRY(const int exponent, largest_exponent(entries, layout, part));
      out.number(static_cast<std::int16_t>(exponent));
      auto* to = reinterpret_cast<std::uint8_t*>(out.extend(part.size));
      std::uint32_t words[draw_words(kChunk)];
      for (std::size_t at = 0; at < part.size; at += kChunk) {
        const std::size_t count = std::min(kChunk, part.size - at);
        const auto some = std::span(words, draw_words(count));
        fill_bits(stream, some);
        round_to_powers(entries.subspan(at, count), exponent, some, std::span(to + at, count));
      }
      return ok_status();
    });
  }

  Status decode(ByteView bytes, const Layout& layout, const RandomStream&,
                std::span<float> row) const override {
    SHOAL_CHECK(row.size() == layout.size(), "the row has the layout's size");
    SHOAL_TRY_STATUS(for_each_part(layout, settings_.scope, [&](const Part& part) -> Status {
      if (bytes.size() < kExponentBytes + part.size)
        return corrupt(fmt::format("a natural message has {} bytes left for {}, which takes {}",
                                   bytes.size(), part_name(layout, part, settings_.scope),
                                   kExponentBytes + part.size));
      std::int16_t exponent;
      std::memcpy(&exponent, bytes.data(), kExponentBytes);
      if (exponent < kLeastExponent || exponent > kLargestExponent)
        return corrupt(fmt::format("a natural message holds the exponent {}", exponent));
      const std::array<float, 256> values = values_under(exponent);
      const auto entries = row.subspan(part.offset, part.size);
      const auto* codes = reinterpret_cast<const std::uint8_t*>(bytes.data() + kExponentBytes);
      for (std::size_t i = 0; i < part.size; ++i) entries[i] = values[codes[i]];
      if (!all_finite(entries)) return corrupt("a natural message holds a power that is no float");
      bytes = bytes.subspan(kExponentBytes + part.size);
      return ok_status();
    }));
    if (!bytes.empty())
      return corrupt(fmt::format("{} bytes follow the last natural entry", bytes.size()));
    return ok_status();
  }

 private:
  // The least e with 2^e >= every magnitude.
  static Result<int> largest_exponent(std::span<const float> entries, const Layout& layout,
                                      const Part& part) {
    const float largest = max_abs(entries);
    if (!std::isfinite(largest)) {
      const std::size_t place = first_not_finite(entries);
      return not_finite(layout, part.offset + place, entries[place]);
    }
    if (largest > 0x1p127f) {
      std::size_t place = 0;
      while (std::abs(entries[place]) != largest) ++place;
      return invalid_argument(
          fmt::format("{} is {}, beyond 2^127, which natural compression cannot round up",
                      place_in_layout(layout, part.offset + place), entries[place]));
    }
    if (largest == 0.0f) return kLeastExponent;
    int exponent = 0;
    const float mantissa = std::frexp(largest, &exponent);
    return mantissa == 0.5f ? exponent - 1 : exponent;
  }

  NaturalSettings settings_;
};

Result<std::unique_ptr<Codec>> make_natural(const NaturalSettings& settings) {
  return {std::make_unique<Natural>(settings)};
}

}  // namespace

void describe(Settings& s, NaturalSettings& v) { describe_scope(s, v.scope); }

CatalogueEntry<Codec> natural_entry() {
  return catalogue_entry<Codec, NaturalSettings>("natural", "random rounding to powers of two",
                                                 "1905.10988", &make_natural);
}

}  // namespace shoal
