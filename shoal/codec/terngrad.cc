#include "shoal/codec/terngrad.h"

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

// Entries treated while they lie in the first-level cache; whole bytes under both packings.
constexpr std::size_t kChunk = 2560;
constexpr std::size_t kScaleBytes = 4;

// How many digits a byte holds, and what one is worth.
struct Base {
  std::size_t digits;
  std::array<std::uint32_t, 5> worth;
};
constexpr Base kBase3{5, {1, 3, 9, 27, 81}};
constexpr Base kTwoBit{4, {1, 4, 16, 64, 0}};

// Of every byte the digits less 1, and how many of its digits are not 0, counted from the first;
// 255 for a byte that holds no digits.
struct Bytewise {
  std::array<std::array<float, 5>, 256> entries{};
  std::array<std::uint8_t, 256> used{};
};

Bytewise bytewise(const Base& base) {
  Bytewise table;
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t left = byte;
    for (std::size_t j = 0; j < base.digits; ++j) {
      const std::uint32_t digit = left % base.worth[1];
      left /= base.worth[1];
      table.entries[byte][j] = static_cast<float>(digit) - 1.0f;
      if (digit > 0) table.used[byte] = static_cast<std::uint8_t>(j + 1);
      if (digit > 2) left = 256;
    }
    if (left > 0) table.used[byte] = 255;
  }
  return table;
}

const Bytewise& table_of(TernaryPacking packing) {
  static const Bytewise base3 = bytewise(kBase3), two_bit = bytewise(kTwoBit);
  return packing == TernaryPacking::kBase3 ? base3 : two_bit;
}

// The byte of as many codes (level << 1 | negative, of one level) as it holds, by the codes' two
// bits each, the first one lowest: codes 0, 2 (+1) and 3 (-1) are the digits 1, 2 and 0.
template <const Base& kBase>
const std::array<std::uint8_t, 1024>& byte_of_codes() {
  static const std::array<std::uint8_t, 1024> bytes = [] {
    std::array<std::uint8_t, 1024> made{};
    for (std::uint32_t codes = 0; codes < 1u << 2 * kBase.digits; ++codes) {
      std::uint32_t byte = 0;
      for (std::size_t j = 0; j < kBase.digits; ++j) {
        const std::uint32_t code = codes >> 2 * j & 3;
        byte += kBase.worth[j] * (1 + (code >> 1) - 2 * (code & code >> 1 & 1));
      }
      made[codes] = static_cast<std::uint8_t>(byte);
    }
    return made;
  }();
  return bytes;
}

// Whole bytes, then the last one, whose digits behind the last entry are 0.
template <const Base& kBase>
void pack(std::span<const std::uint32_t> codes, std::byte* to) {
  const auto& bytes = byte_of_codes<kBase>();
  std::size_t i = 0;
  for (; i + kBase.digits <= codes.size(); i += kBase.digits) {
    std::uint32_t key = 0;
    for (std::size_t j = 0; j < kBase.digits; ++j) key |= codes[i + j] << 2 * j;
    *to++ = static_cast<std::byte>(bytes[key]);
  }
  if (i == codes.size()) return;
  constexpr std::uint32_t kDigitZero = 3;
  std::uint32_t key = 0;
  for (std::size_t j = 0; j < kBase.digits; ++j, ++i)
    key |= (i < codes.size() ? codes[i] : kDigitZero) << 2 * j;
  *to = static_cast<std::byte>(bytes[key]);
}

class Terngrad : public Codec {
 public:
  explicit Terngrad(const TerngradSettings& settings)
      : settings_(settings),
        digits_(settings.packing == TernaryPacking::kBase3 ? kBase3.digits : kTwoBit.digits) {}

  CodecProperties properties(const Layout& layout) const override {
    CodecProperties properties;
    if (settings_.clip_std > 0.0) return properties;
    const auto d = static_cast<double>(largest_part(layout, settings_.scope));
    properties.variance_factor = std::max(0.0, (std::sqrt(d) - 1.0) / 2.0);
    if (*properties.variance_factor < 1.0)
      properties.contraction = 1.0 - *properties.variance_factor;
    return properties;
  }

  Status encode(std::span<const float> row, const Layout& layout, const Draws& draws,
                ByteWriter& out) const override {
    SHOAL_CHECK(row.size() == layout.size(), "the row has the layout's size");
    RandomStream stream = draws.own;
    return for_each_part(layout, settings_.scope, [&](const Part& part) -> Status {
      const auto entries = row.subspan(part.offset, part.size);
      const float largest = max_abs(entries);
      if (!std::isfinite(largest)) {
        const std::size_t place = first_not_finite(entries);
        return not_finite(layout, part.offset + place, entries[place]);
      }
      const float scale = std::min(largest, clip_of(entries));
      std::byte* to = out.extend(kScaleBytes + packed_bytes(part.size));
      std::memcpy(to, &scale, kScaleBytes);
      pack_entries(entries, scale, stream, to + kScaleBytes);
      return ok_status();
    });
  }

  Status decode(ByteView bytes, const Layout& layout, const RandomStream&,
                std::span<float> row) const override {
    SHOAL_CHECK(row.size() == layout.size(), "the row has the layout's size");
    SHOAL_TRY_STATUS(for_each_part(layout, settings_.scope, [&](const Part& part) -> Status {
      const std::size_t expected = kScaleBytes + packed_bytes(part.size);
      if (bytes.size() < expected)
        return corrupt(fmt::format("a terngrad message has {} bytes left for {}, which takes {}",
                                   bytes.size(), part_name(layout, part, settings_.scope),
                                   expected));
      SHOAL_TRY_STATUS(unpack(bytes.first(expected), row.subspan(part.offset, part.size)));
      bytes = bytes.subspan(expected);
      return ok_status();
    }));
    if (!bytes.empty())
      return corrupt(fmt::format("{} bytes follow the last terngrad entry", bytes.size()));
    return ok_status();
  }

 private:
  std::size_t packed_bytes(std::size_t entries) const { return (entries + digits_ - 1) / digits_; }

  // The largest magnitude that clipping leaves.
  float clip_of(std::span<const float> entries) const {
    if (settings_.clip_std == 0.0) return std::numeric_limits<float>::max();
    const auto d = static_cast<double>(entries.size());
    const double mean = sum(entries) / d;
    const double variance = std::max(0.0, squared_norm(entries) / d - mean * mean);
    const double clip = settings_.clip_std * std::sqrt(variance);
    return static_cast<float>(
        std::min(clip, static_cast<double>(std::numeric_limits<float>::max())));
  }

  void pack_entries(std::span<const float> entries, float scale, RandomStream& stream,
                    std::byte* to) const {
    std::uint32_t words[draw_words(kChunk)], codes[kChunk];
    for (std::size_t at = 0; at < entries.size(); at += kChunk) {
      const std::size_t count = std::min(kChunk, entries.size() - at);
      const auto made = std::span(codes, count);
      const auto draws = std::span(words, draw_words(count));
      fill_bits(stream, draws);
      if (scale > 0.0f)
        quantise_levels(entries.subspan(at, count), scale, 1, draws, made);
      else
        std::fill(made.begin(), made.end(), 0u);
      if (settings_.packing == TernaryPacking::kBase3)
        pack<kBase3>(made, to + at / kBase3.digits);
      else
        pack<kTwoBit>(made, to + at / kTwoBit.digits);
    }
  }

  Status unpack(ByteView bytes, std::span<float> entries) const {
    float scale;
    std::memcpy(&scale, bytes.data(), kScaleBytes);
    if (!std::isfinite(scale) || std::signbit(scale))
      return corrupt("a terngrad message holds a scale that is no magnitude");
    bytes = bytes.subspan(kScaleBytes);
    const Bytewise& table = table_of(settings_.packing);
    unsigned worst = 0;
    std::size_t i = 0, at = 0;
    for (; i + digits_ <= entries.size(); i += digits_, ++at) {
      const auto byte = std::to_integer<std::uint8_t>(bytes[at]);
      worst = std::max<unsigned>(worst, table.used[byte]);
      for (std::size_t j = 0; j < digits_; ++j) entries[i + j] = scale * table.entries[byte][j];
    }
    std::size_t last_digits = 0;
    for (; i < entries.size(); ++i) {
      const auto byte = std::to_integer<std::uint8_t>(bytes[at]);
      if (table.used[byte] > entries.size() % digits_) worst = 255;
      entries[i] = scale * table.entries[byte][last_digits++];
    }
    if (worst > digits_) return corrupt("a terngrad message holds a byte that is no digits");
    return ok_status();
  }

  TerngradSettings settings_;
  std::size_t digits_;
};

Result<std::unique_ptr<Codec>> make_terngrad(const TerngradSettings& settings) {
  return {std::make_unique<Terngrad>(settings)};
}

}  // namespace

void describe(Settings& s, TerngradSettings& v) {
  s.real("clip_std", v.clip_std,
         "clip to so many standard deviations first, which biases; 0 does not",
         {.range = at_least(0).up_to(1e6), .paper = "1705.07878"});
  s.choice("packing", v.packing, "five entries a byte in base 3, or four in 2 bits each",
           {{"base3", TernaryPacking::kBase3}, {"two_bit", TernaryPacking::kTwoBit}});
  describe_scope(s, v.scope);
}

CatalogueEntry<Codec> terngrad_entry() {
  return catalogue_entry<Codec, TerngradSettings>("terngrad", "the sign or zero, times a scale",
                                                  "1705.07878", &make_terngrad);
}

}  // namespace shoal
