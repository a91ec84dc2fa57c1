#include "shoal/codec/level_code.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <vector>

#include "shoal/codec/bits.h"
#include "shoal/codec/elias.h"
#include "shoal/codec/range_code.h"

namespace shoal {
namespace {

Error bad_levels(const char* what) { return corrupt(std::string("quantised levels ") + what); }

std::uint32_t level_of(std::uint32_t code) { return code >> 1; }

std::size_t bytes_of_bits(std::uint64_t bits) { return static_cast<std::size_t>((bits + 7) / 8); }

std::size_t count_not_zero(std::span<const std::uint32_t> codes) {
  return codes.size() - static_cast<std::size_t>(std::count(codes.begin(), codes.end(), 0u));
}

struct EliasBytes {
  std::size_t sparse = 0;
  std::size_t dense = 0;
};
EliasBytes elias_bytes(std::span<const std::uint32_t> codes) {
  std::uint64_t sparse = 0, dense = 0;
  std::uint32_t gap = 1;
  for (const std::uint32_t code : codes) {
    dense += omega_length(level_of(code) + 1) + (code != 0);
    if (code == 0) {
      ++gap;
      continue;
    }
    sparse += omega_length(gap) + 1 + omega_length(level_of(code));
    gap = 1;
  }
  return {4 + bytes_of_bits(sparse), bytes_of_bits(dense)};
}

void encode_sparse(std::span<const std::uint32_t> codes, ByteWriter& out) {
  out.number(static_cast<std::uint32_t>(count_not_zero(codes)));
  BitWriter bits(out);
  std::uint32_t gap = 1;
  for (const std::uint32_t code : codes) {
    if (code == 0) {
      ++gap;
      continue;
    }
    write_omega(gap, bits);
    bits.bits(code & 1, 1);
    write_omega(level_of(code), bits);
    gap = 1;
  }
  bits.finish();
}

void encode_dense(std::span<const std::uint32_t> codes, ByteWriter& out) {
  BitWriter bits(out);
  for (const std::uint32_t code : codes) {
    write_omega(level_of(code) + 1, bits);
    if (code != 0) bits.bits(code & 1, 1);
  }
  bits.finish();
}

void encode_range(std::span<const std::uint32_t> codes, ByteWriter& out) {
  thread_local std::vector<std::uint8_t> symbols;
  symbols.resize(codes.size());
  for (std::size_t i = 0; i < codes.size(); ++i)
    symbols[i] = static_cast<std::uint8_t>(level_of(codes[i]));
  range_encode(symbols, out);
  BitWriter signs(out);
  for (const std::uint32_t code : codes)
    if (code != 0) signs.bits(code & 1, 1);
  signs.finish();
}

void encode_smallest(std::span<const std::uint32_t> codes, std::uint32_t levels, ByteWriter& out) {
  const EliasBytes elias = elias_bytes(codes);
  thread_local ByteWriter range;
  range.clear();
  if (levels <= kRangeLevelsMax) encode_range(codes, range);
  LevelCode best = LevelCode::kFixed;
  std::size_t least = fixed_bytes(levels, codes.size());
  const auto consider = [&](LevelCode code, std::size_t bytes) {
    if (bytes >= least) return;
    best = code;
    least = bytes;
  };
  consider(LevelCode::kSparse, elias.sparse);
  consider(LevelCode::kDense, elias.dense);
  if (levels <= kRangeLevelsMax) consider(LevelCode::kRange, range.size());
  out.number(static_cast<std::uint8_t>(best));
  if (best == LevelCode::kRange)
    out.raw(range.bytes());
  else
    encode_levels(best, codes, levels, out);
}

// Moves `bytes` behind what was read.
Status finish(const BitReader& bits, ByteView& bytes) {
  if (!bits.padding_is_zero()) return bad_levels("end in set bits");
  bytes = bytes.subspan(bits.bytes_used());
  return ok_status();
}

Status decode_sparse(ByteView& bytes, std::uint32_t levels, std::span<std::uint32_t> codes) {
  ByteReader head(bytes);
  const auto count = head.number<std::uint32_t>();
  if (!count.ok()) return bad_levels("are truncated");
  bytes = bytes.subspan(head.offset());
  std::fill(codes.begin(), codes.end(), 0u);
  BitReader bits(bytes);
  std::uint64_t next = 0;
  for (std::uint32_t j = 0; j < *count; ++j) {
    std::uint32_t gap = 0, negative = 0, level = 0;
    if (!read_omega(bits, gap) || !bits.bits(1, negative) || !read_omega(bits, level))
      return bad_levels("are truncated");
    next += gap;
    if (next > codes.size()) return bad_levels("lie outside the row");
    if (level > levels) return bad_levels("hold one above the largest");
    codes[next - 1] = level << 1 | negative;
  }
  return finish(bits, bytes);
}

Status decode_dense(ByteView& bytes, std::uint32_t levels, std::span<std::uint32_t> codes) {
  BitReader bits(bytes);
  for (std::uint32_t& code : codes) {
    std::uint32_t above = 0, negative = 0;
    if (!read_omega(bits, above)) return bad_levels("are truncated");
    if (above - 1 > levels) return bad_levels("hold one above the largest");
    if (above > 1 && !bits.bits(1, negative)) return bad_levels("are truncated");
    code = (above - 1) << 1 | negative;
  }
  return finish(bits, bytes);
}

Status decode_range(ByteView& bytes, std::uint32_t levels, std::span<std::uint32_t> codes) {
  if (levels > kRangeLevelsMax) return bad_levels("are too many for the range code");
  thread_local std::vector<std::uint8_t> symbols;
  symbols.resize(codes.size());
  SHOAL_TRY_STATUS(range_decode(bytes, static_cast<std::uint8_t>(levels), symbols));
  BitReader signs(bytes);
  for (std::size_t i = 0; i < codes.size(); ++i) {
    std::uint32_t negative = 0;
    if (symbols[i] != 0 && !signs.bits(1, negative)) return bad_levels("are truncated");
    codes[i] = std::uint32_t{symbols[i]} << 1 | negative;
  }
  return finish(signs, bytes);
}

}  // namespace

void describe_level_code(Settings& s, LevelCode& v) {
  s.choice("code", v, "how levels are written; auto takes the smallest",
           {{"fixed", LevelCode::kFixed},
            {"sparse", LevelCode::kSparse},
            {"dense", LevelCode::kDense},
            {"range", LevelCode::kRange},
            {"auto", LevelCode::kAuto}});
}

unsigned fixed_width(std::uint32_t levels) {
  return 1 + static_cast<unsigned>(std::bit_width(levels));
}

std::size_t fixed_bytes(std::uint32_t levels, std::size_t count) {
  return bytes_of_bits(std::uint64_t{count} * fixed_width(levels));
}

void pack_fixed(std::span<const std::uint32_t> codes, std::uint32_t levels, std::byte* to) {
  const unsigned width = fixed_width(levels);
  if (width == 8) {
    for (std::size_t i = 0; i < codes.size(); ++i) to[i] = static_cast<std::byte>(codes[i]);
    return;
  }
  std::uint64_t buffer = 0;
  unsigned used = 0;
  for (const std::uint32_t code : codes) {
    buffer |= std::uint64_t{code} << used;
    used += width;
    if (used < 32) continue;
    std::memcpy(to, &buffer, 4);
    to += 4;
    buffer >>= 32;
    used -= 32;
  }
  std::memcpy(to, &buffer, (used + 7) / 8);
}

Status unpack_fixed(ByteView bytes, std::uint32_t levels, std::span<std::uint32_t> codes) {
  const unsigned width = fixed_width(levels);
  SHOAL_CHECK(bytes.size() == fixed_bytes(levels, codes.size()), "one code each");
  const std::uint32_t mask = (1u << width) - 1;
  const auto word_at = [&](std::size_t at) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at, std::min<std::size_t>(8, bytes.size() - at));
    return word;
  };
  std::size_t i = 0;
  if (width == 8) {
    for (; i < codes.size(); ++i) codes[i] = std::to_integer<std::uint32_t>(bytes[i]);
  } else {
    // Codes whose eight bytes from the first touched one on are all there; then the last few.
    std::uint64_t bit = 0;
    for (; i < codes.size() && bit / 8 + 8 <= bytes.size(); ++i, bit += width) {
      std::uint64_t word;
      std::memcpy(&word, bytes.data() + bit / 8, 8);
      codes[i] = static_cast<std::uint32_t>(word >> bit % 8) & mask;
    }
    for (; i < codes.size(); ++i, bit += width)
      codes[i] = static_cast<std::uint32_t>(word_at(bit / 8) >> bit % 8) & mask;
  }
  const unsigned last_bits = static_cast<unsigned>(codes.size() * width % 8);
  if (last_bits > 0 && std::to_integer<unsigned>(bytes.back()) >> last_bits != 0)
    return bad_levels("end in set bits");
  std::uint32_t largest = 0;
  for (const std::uint32_t code : codes) largest = std::max(largest, code);
  if (level_of(largest) > levels) return bad_levels("hold one above the largest");
  return ok_status();
}

void encode_levels(LevelCode code, std::span<const std::uint32_t> codes, std::uint32_t levels,
                   ByteWriter& out) {
  SHOAL_CHECK(!codes.empty(), "levels of a part that is not empty");
  switch (code) {
    case LevelCode::kFixed:
      return pack_fixed(codes, levels, out.extend(fixed_bytes(levels, codes.size())));
    case LevelCode::kSparse:
      return encode_sparse(codes, out);
    case LevelCode::kDense:
      return encode_dense(codes, out);
    case LevelCode::kRange:
      return encode_range(codes, out);
    case LevelCode::kAuto:
      return encode_smallest(codes, levels, out);
  }
}

Status decode_levels(LevelCode code, ByteView& bytes, std::uint32_t levels,
                     std::span<std::uint32_t> codes) {
  switch (code) {
    case LevelCode::kFixed: {
      const std::size_t size = fixed_bytes(levels, codes.size());
      if (bytes.size() < size) return bad_levels("are truncated");
      SHOAL_TRY_STATUS(unpack_fixed(bytes.first(size), levels, codes));
      bytes = bytes.subspan(size);
      return ok_status();
    }
    case LevelCode::kSparse:
      return decode_sparse(bytes, levels, codes);
    case LevelCode::kDense:
      return decode_dense(bytes, levels, codes);
    case LevelCode::kRange:
      return decode_range(bytes, levels, codes);
    case LevelCode::kAuto:
      break;
  }
  if (bytes.empty()) return bad_levels("are truncated");
  const auto tag = std::to_integer<std::uint8_t>(bytes[0]);
  if (tag >= static_cast<std::uint8_t>(LevelCode::kAuto)) return bad_levels("have no known code");
  bytes = bytes.subspan(1);
  return decode_levels(static_cast<LevelCode>(tag), bytes, levels, codes);
}

}  // namespace shoal
