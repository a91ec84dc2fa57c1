#include "shoal/codec/qsgd.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fmt/format.h>
#include <vector>

#include "shoal/codec/value_type.h"
#include "shoal/math/quantise.h"
#include "shoal/math/random_bits.h"
#include "shoal/math/vector.h"

namespace shoal {
namespace {

// Entries treated while they lie in the first-level cache; a multiple of 8.
constexpr std::size_t kChunk = 2048;
constexpr std::size_t kNormBytes = 4;
// Above, s times n / s, each rounded, could overflow.
constexpr float kNormMax = 0x1.fffff0p127f;

class Qsgd : public Codec {
 public:
  explicit Qsgd(const QsgdSettings& settings)
      : levels_(static_cast<std::uint32_t>(settings.levels)),
        bucket_(static_cast<std::size_t>(settings.bucket)),
        code_(settings.code),
        scope_(settings.scope) {}

  CodecProperties properties(const Layout& layout) const override {
    CodecProperties properties;
    const std::size_t largest = largest_part(layout, scope_);
    const auto d = static_cast<double>(bucket_ == 0 ? largest : std::min(bucket_, largest));
    const auto s = static_cast<double>(levels_);
    properties.variance_factor = std::min(d / (s * s), std::sqrt(d) / s);
    if (*properties.variance_factor < 1.0)
      properties.contraction = 1.0 - *properties.variance_factor;
    return properties;
  }

  Status encode(std::span<const float> row, const Layout& layout, const Draws& draws,
                ByteWriter& out) const override {
    SHOAL_CHECK(row.size() == layout.size(), "the row has the layout's size");
    SHOAL_TRY_STATUS(check_indexable(layout));
    RandomStream stream = draws.own;
    return for_each_part(layout, scope_, [&](const Part& part) -> Status {
      const auto entries = row.subspan(part.offset, part.size);
      thread_local std::vector<float> norms;
      SHOAL_TRY_STATUS(take_norms(entries, layout, part, norms));
      out.raw(std::as_bytes(std::span<const float>(norms)));
      if (code_ == LevelCode::kFixed) {
        std::byte* to = out.extend(fixed_bytes(levels_, part.size));
        quantise(entries, norms, stream, [&](std::size_t at, std::span<const std::uint32_t> codes) {
          pack_fixed(codes, levels_, to + fixed_bytes(levels_, at));
        });
        return ok_status();
      }
      thread_local std::vector<std::uint32_t> all;
      all.resize(part.size);
      quantise(entries, norms, stream, [&](std::size_t at, std::span<const std::uint32_t> codes) {
        std::copy(codes.begin(), codes.end(), all.begin() + static_cast<std::ptrdiff_t>(at));
      });
      encode_levels(code_, all, levels_, out);
      return ok_status();
    });
  }

  Status decode(ByteView bytes, const Layout& layout, const RandomStream&,
                std::span<float> row) const override {
    SHOAL_CHECK(row.size() == layout.size(), "the row has the layout's size");
    SHOAL_TRY_STATUS(check_indexable(layout));
    SHOAL_TRY_STATUS(for_each_part(layout, scope_, [&](const Part& part) -> Status {
      thread_local std::vector<float> norms;
      SHOAL_TRY_STATUS(read_norms(bytes, layout, part, norms));
      return read_levels(bytes, norms, row.subspan(part.offset, part.size));
    }));
    if (!bytes.empty())
      return corrupt(fmt::format("{} bytes follow the last qsgd level", bytes.size()));
    return ok_status();
  }

 private:
  std::size_t bucket_of(std::size_t size) const { return bucket_ == 0 ? size : bucket_; }

  Status take_norms(std::span<const float> entries, const Layout& layout, const Part& part,
                    std::vector<float>& norms) const {
    norms.clear();
    const std::size_t bucket = bucket_of(entries.size());
    for (std::size_t begin = 0; begin < entries.size(); begin += bucket) {
      const auto some = entries.subspan(begin, std::min(bucket, entries.size() - begin));
      const double norm = std::sqrt(squared_norm(some));
      if (!std::isfinite(norm)) {
        const std::size_t place = begin + first_not_finite(some);
        return not_finite(layout, part.offset + place, entries[place]);
      }
      if (norm > static_cast<double>(kNormMax))
        return invalid_argument(
            fmt::format("{} lies in a qsgd bucket of norm {}, beyond the largest float; take "
                        "smaller buckets, or another codec",
                        place_in_layout(layout, part.offset + begin), norm));
      norms.push_back(static_cast<float>(norm));
    }
    return ok_status();
  }

  // Calls each(begin, count, norm) for pieces of buckets within chunks.
  template <class Each>
  void for_each_piece(std::size_t begin, std::size_t end, std::size_t size,
                      std::span<const float> norms, Each each) const {
    const std::size_t bucket = bucket_of(size);
    while (begin < end) {
      const std::size_t stop = std::min(end, (begin / bucket + 1) * bucket);
      each(begin, stop - begin, norms[begin / bucket]);
      begin = stop;
    }
  }

  // Calls sink(at, codes) chunk by chunk. Pieces take their random words one after another.
  template <class Sink>
  void quantise(std::span<const float> entries, std::span<const float> norms, RandomStream& stream,
                Sink sink) const {
    std::uint32_t words[kChunk], codes[kChunk];
    for (std::size_t at = 0; at < entries.size(); at += kChunk) {
      const std::size_t end = std::min(at + kChunk, entries.size());
      std::size_t needed = 0, taken = 0;
      for_each_piece(at, end, entries.size(), norms,
                     [&](std::size_t, std::size_t size, float) { needed += draw_words(size); });
      fill_bits(stream, std::span(words, needed));
      for_each_piece(at, end, entries.size(), norms,
                     [&](std::size_t begin, std::size_t size, float norm) {
                       const auto draws = std::span(words).subspan(taken, draw_words(size));
                       const auto to = std::span(codes).subspan(begin - at, size);
                       taken += draws.size();
                       if (norm == 0.0f)
                         std::fill(to.begin(), to.end(), 0u);
                       else
                         quantise_levels(entries.subspan(begin, size), norm, levels_, draws, to);
                     });
      sink(at, std::span<const std::uint32_t>(codes, end - at));
    }
  }

  Status read_norms(ByteView& bytes, const Layout& layout, const Part& part,
                    std::vector<float>& norms) const {
    const std::size_t bucket = bucket_of(part.size);
    const std::size_t count = (part.size + bucket - 1) / bucket;
    if (bytes.size() < count * kNormBytes)
      return corrupt(fmt::format("a qsgd message ends before the {} norms of {}", count,
                                 part_name(layout, part, scope_)));
    norms.resize(count);
    std::memcpy(norms.data(), bytes.data(), count * kNormBytes);
    bytes = bytes.subspan(count * kNormBytes);
    for (const float norm : norms)
      if (!(norm <= kNormMax) || std::signbit(norm))
        return corrupt("a qsgd message holds a norm that is none");
    return ok_status();
  }

  void dequantise(std::span<const std::uint32_t> codes, std::size_t at,
                  std::span<const float> norms, std::span<float> entries) const {
    for_each_piece(at, at + codes.size(), entries.size(), norms,
                   [&](std::size_t begin, std::size_t size, float norm) {
                     dequantise_levels(codes.subspan(begin - at, size), norm, levels_,
                                       entries.subspan(begin, size));
                   });
  }

  Status read_levels(ByteView& bytes, std::span<const float> norms,
                     std::span<float> entries) const {
    if (code_ != LevelCode::kFixed) {
      thread_local std::vector<std::uint32_t> all;
      all.resize(entries.size());
      SHOAL_TRY_STATUS(decode_levels(code_, bytes, levels_, all));
      dequantise(all, 0, norms, entries);
      return ok_status();
    }
    const std::size_t size = fixed_bytes(levels_, entries.size());
    if (bytes.size() < size) return corrupt("a qsgd message ends before its levels");
    std::uint32_t codes[kChunk];
    for (std::size_t at = 0; at < entries.size(); at += kChunk) {
      const auto some = std::span(codes, std::min(kChunk, entries.size() - at));
      const ByteView packed =
          bytes.subspan(fixed_bytes(levels_, at), fixed_bytes(levels_, some.size()));
      SHOAL_TRY_STATUS(unpack_fixed(packed, levels_, some));
      dequantise(some, at, norms, entries);
    }
    bytes = bytes.subspan(size);
    return ok_status();
  }

  std::uint32_t levels_;
  std::size_t bucket_;
  LevelCode code_;
  Scope scope_;
};

Result<std::unique_ptr<Codec>> make_qsgd(const QsgdSettings& settings) {
  if (settings.bucket == 1)
    return invalid_argument("a qsgd bucket of 1 entry sends it twice; set bucket to 0, or above 1");
  if (settings.code == LevelCode::kRange && settings.levels > kRangeLevelsMax)
    return invalid_argument(
        fmt::format("the range code holds up to {} levels and levels is {}; set code = \"auto\"",
                    kRangeLevelsMax, settings.levels));
  return {std::make_unique<Qsgd>(settings)};
}

}  // namespace

void describe(Settings& s, QsgdSettings& v) {
  s.integer("levels", v.levels, "levels above zero; 127 makes a byte an entry",
            {.range = at_least(1).up_to(65535), .paper = "1610.02132"});
  s.integer("bucket", v.bucket, "entries that share a norm; 0 for all of a part",
            {.range = at_least(0).up_to(4294967295.0)});
  describe_level_code(s, v.code);
  describe_scope(s, v.scope);
}

CatalogueEntry<Codec> qsgd_entry() {
  return catalogue_entry<Codec, QsgdSettings>("qsgd", "random rounding to levels of a norm",
                                              "1610.02132", &make_qsgd);
}

}  // namespace shoal
