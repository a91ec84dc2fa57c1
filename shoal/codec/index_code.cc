#include "shoal/codec/index_code.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "shoal/codec/bits.h"

namespace shoal {
namespace {

constexpr unsigned kMaxRiceBits = 31;
constexpr unsigned kMaxLebBytes = 5;

unsigned packed_bits(std::size_t d) {
  return d <= 1 ? 0 : static_cast<unsigned>(std::bit_width(d - 1));
}

template <class Visit>
void for_each_gap(std::span<const std::uint32_t> indices, Visit visit) {
  std::uint32_t next = 0;  // the smallest index that may follow
  for (const std::uint32_t index : indices) {
    visit(index - next);
    next = index + 1;
  }
}

std::size_t leb_bytes(std::span<const std::uint32_t> indices) {
  std::size_t bytes = 0;
  for_each_gap(indices, [&](std::uint32_t gap) {
    bytes += gap == 0 ? 1 : (static_cast<unsigned>(std::bit_width(gap)) + 6) / 7;
  });
  return bytes;
}

std::size_t rice_bytes(std::span<const std::uint32_t> indices, unsigned m) {
  std::uint64_t bits = 0;
  for_each_gap(indices, [&](std::uint32_t gap) { bits += (gap >> m) + 1 + m; });
  return 1 + static_cast<std::size_t>((bits + 7) / 8);
}

// The best m lies within one of log2 of the mean gap (times ln 2): the smallest of the three.
unsigned best_rice_bits(std::span<const std::uint32_t> indices, std::size_t d) {
  if (indices.empty()) return 0;
  const std::size_t mean_gap = (d - indices.size()) * 69 / 100 / indices.size();
  const unsigned guess = mean_gap == 0 ? 0 : static_cast<unsigned>(std::bit_width(mean_gap)) - 1;
  unsigned best = guess;
  for (const unsigned m : {guess > 0 ? guess - 1 : 0, std::min(guess + 1, kMaxRiceBits)})
    if (rice_bytes(indices, m) < rice_bytes(indices, best)) best = m;
  return best;
}

IndexCode smallest_code(std::span<const std::uint32_t> indices, std::size_t d) {
  IndexCode best = IndexCode::kRaw;
  for (const IndexCode code :
       {IndexCode::kPacked, IndexCode::kBitmap, IndexCode::kLeb, IndexCode::kRice})
    if (index_bytes(code, indices, d) < index_bytes(best, indices, d)) best = code;
  return best;
}

void encode_bitmap(std::span<const std::uint32_t> indices, std::size_t d, ByteWriter& out) {
  std::byte* bits = out.extend((d + 7) / 8);
  for (const std::uint32_t index : indices) bits[index / 8] |= std::byte{1} << index % 8;
}

void encode_leb(std::span<const std::uint32_t> indices, ByteWriter& out) {
  for_each_gap(indices, [&](std::uint32_t gap) {
    for (; gap >= 0x80; gap >>= 7) out.number(static_cast<std::uint8_t>(gap | 0x80));
    out.number(static_cast<std::uint8_t>(gap));
  });
}

void encode_rice(std::span<const std::uint32_t> indices, std::size_t d, ByteWriter& out) {
  const unsigned m = best_rice_bits(indices, d);
  out.number(static_cast<std::uint8_t>(m));
  BitWriter bits(out);
  for_each_gap(indices, [&](std::uint32_t gap) {
    bits.unary(gap >> m);
    bits.bits(gap & ((1u << m) - 1), m);
  });
  bits.finish();
}

Error bad_indices(const char* what) { return corrupt(std::string("sparse indices ") + what); }

Status check_increasing(std::span<const std::uint32_t> indices, std::size_t d) {
  for (std::size_t j = 0; j < indices.size(); ++j) {
    if (indices[j] >= d) return bad_indices("lie outside the row");
    if (j > 0 && indices[j] <= indices[j - 1]) return bad_indices("are repeated or out of order");
  }
  return ok_status();
}

// Adds one gap to the running position; false when it leaves the row.
bool advance(std::uint64_t gap, std::size_t d, std::uint64_t& next, std::uint32_t& index) {
  if (next + gap >= d) return false;
  index = static_cast<std::uint32_t>(next + gap);
  next += gap + 1;
  return true;
}

Status decode_raw(ByteView& bytes, std::size_t d, std::span<std::uint32_t> indices) {
  if (bytes.size() < indices.size_bytes()) return bad_indices("are truncated");
  if (!indices.empty()) std::memcpy(indices.data(), bytes.data(), indices.size_bytes());
  bytes = bytes.subspan(indices.size_bytes());
  return check_increasing(indices, d);
}

Status decode_packed(ByteView& bytes, std::size_t d, std::span<std::uint32_t> indices) {
  const unsigned width = packed_bits(d);
  BitReader bits(bytes);
  for (std::uint32_t& index : indices)
    if (!bits.bits(width, index)) return bad_indices("are truncated");
  if (!bits.padding_is_zero()) return bad_indices("end in set bits");
  bytes = bytes.subspan(bits.bytes_used());
  return check_increasing(indices, d);
}

Status decode_bitmap(ByteView& bytes, std::size_t d, std::span<std::uint32_t> indices) {
  const std::size_t length = (d + 7) / 8;
  if (bytes.size() < length) return bad_indices("are truncated");
  std::size_t found = 0;
  for (std::size_t at = 0; at < length; ++at) {
    for (unsigned left = std::to_integer<unsigned>(bytes[at]); left != 0; left &= left - 1) {
      const std::size_t index = at * 8 + static_cast<unsigned>(std::countr_zero(left));
      if (index >= d) return bad_indices("lie outside the row");
      if (found == indices.size()) return bad_indices("are more than announced");
      indices[found++] = static_cast<std::uint32_t>(index);
    }
  }
  if (found != indices.size()) return bad_indices("are fewer than announced");
  bytes = bytes.subspan(length);
  return ok_status();
}

Status decode_leb(ByteView& bytes, std::size_t d, std::span<std::uint32_t> indices) {
  std::size_t at = 0;
  std::uint64_t next = 0;
  for (std::uint32_t& index : indices) {
    std::uint64_t gap = 0;
    for (unsigned length = 1;; ++length) {
      if (at == bytes.size()) return bad_indices("are truncated");
      const auto byte = std::to_integer<std::uint64_t>(bytes[at++]);
      gap |= (byte & 0x7f) << 7 * (length - 1);
      if (byte < 0x80) {
        if (byte == 0 && length > 1) return bad_indices("hold a gap with needless bytes");
        break;
      }
      if (length == kMaxLebBytes) return bad_indices("hold a gap that is too long");
    }
    if (!advance(gap, d, next, index)) return bad_indices("lie outside the row");
  }
  bytes = bytes.subspan(at);
  return ok_status();
}

Status decode_rice(ByteView& bytes, std::size_t d, std::span<std::uint32_t> indices) {
  if (bytes.empty()) return bad_indices("are truncated");
  const unsigned m = std::to_integer<unsigned>(bytes[0]);
  if (m > kMaxRiceBits) return bad_indices("hold a Rice parameter above 31");
  BitReader bits(bytes.subspan(1));
  const auto limit = static_cast<std::uint32_t>(d >> m);
  std::uint64_t next = 0;
  for (std::uint32_t& index : indices) {
    std::uint32_t quotient = 0, remainder = 0;
    if (!bits.unary(limit, quotient) || !bits.bits(m, remainder))
      return bad_indices("are truncated or lie outside the row");
    if (!advance((std::uint64_t{quotient} << m) + remainder, d, next, index))
      return bad_indices("lie outside the row");
  }
  if (!bits.padding_is_zero()) return bad_indices("end in set bits");
  bytes = bytes.subspan(1 + bits.bytes_used());
  return ok_status();
}

}  // namespace

void describe_index_code(Settings& s, IndexCode& v) {
  s.choice("index_code", v, "how indices are written; auto takes the smallest",
           {{"raw", IndexCode::kRaw},
            {"packed", IndexCode::kPacked},
            {"bitmap", IndexCode::kBitmap},
            {"leb", IndexCode::kLeb},
            {"rice", IndexCode::kRice},
            {"auto", IndexCode::kAuto}});
}

std::size_t index_bytes(IndexCode code, std::span<const std::uint32_t> indices, std::size_t d) {
  switch (code) {
    case IndexCode::kRaw:
      return indices.size_bytes();
    case IndexCode::kPacked:
      return (indices.size() * packed_bits(d) + 7) / 8;
    case IndexCode::kBitmap:
      return (d + 7) / 8;
    case IndexCode::kLeb:
      return leb_bytes(indices);
    case IndexCode::kRice:
      return rice_bytes(indices, best_rice_bits(indices, d));
    default:
      return 1 + index_bytes(smallest_code(indices, d), indices, d);
  }
}

void encode_indices(IndexCode code, std::span<const std::uint32_t> indices, std::size_t d,
                    ByteWriter& out) {
  switch (code) {
    case IndexCode::kRaw:
      out.raw(std::as_bytes(indices));
      return;
    case IndexCode::kPacked: {
      BitWriter bits(out);
      for (const std::uint32_t index : indices) bits.bits(index, packed_bits(d));
      bits.finish();
      return;
    }
    case IndexCode::kBitmap:
      encode_bitmap(indices, d, out);
      return;
    case IndexCode::kLeb:
      encode_leb(indices, out);
      return;
    case IndexCode::kRice:
      encode_rice(indices, d, out);
      return;
    case IndexCode::kAuto: {
      const IndexCode smallest = smallest_code(indices, d);
      out.number(static_cast<std::uint8_t>(smallest));
      encode_indices(smallest, indices, d, out);
    }
  }
}

Status decode_indices(IndexCode code, ByteView& bytes, std::size_t d,
                      std::span<std::uint32_t> indices) {
  switch (code) {
    case IndexCode::kRaw:
      return decode_raw(bytes, d, indices);
    case IndexCode::kPacked:
      return decode_packed(bytes, d, indices);
    case IndexCode::kBitmap:
      return decode_bitmap(bytes, d, indices);
    case IndexCode::kLeb:
      return decode_leb(bytes, d, indices);
    case IndexCode::kRice:
      return decode_rice(bytes, d, indices);
    case IndexCode::kAuto:
      break;
  }
  if (bytes.empty()) return bad_indices("are truncated");
  const auto tag = std::to_integer<std::uint8_t>(bytes[0]);
  if (tag >= static_cast<std::uint8_t>(IndexCode::kAuto)) return bad_indices("have no known code");
  bytes = bytes.subspan(1);
  return decode_indices(static_cast<IndexCode>(tag), bytes, d, indices);
}

}  // namespace shoal
