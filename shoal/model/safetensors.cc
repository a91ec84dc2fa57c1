#include "shoal/model/safetensors.h"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>
#include <limits>
#include <tuple>

#include "shoal/base/file.h"
#include "shoal/model/safetensors_header.h"

namespace shoal {
namespace {

// Bytes of a float32 tensor of that shape, or an error when they exceed 2^63.
Result<std::uint64_t> bytes_of(const SafeTensorsEntry& entry) {
  std::uint64_t bytes = sizeof(float);
  for (const std::uint32_t side : entry.shape) {
    if (side != 0 && bytes > (std::uint64_t{1} << 63) / side)
      return corrupt(fmt::format("tensor '{}' has a shape of more than 2^63 bytes", entry.name));
    bytes *= side;
  }
  return bytes;
}

// The tensors must follow one another from 0 to the end of the data.
Status check_cover(const std::vector<SafeTensorsEntry>& entries, std::uint64_t data_bytes) {
  std::uint64_t at = 0;
  for (const SafeTensorsEntry& entry : entries) {
    if (entry.begin != at || entry.end < entry.begin)
      return corrupt(fmt::format(
          "tensor '{}' has data_offsets [{}, {}] where the data before it ends at {}; tensors "
          "must follow one another without gap or overlap",
          entry.name, entry.begin, entry.end, at));
    SHOAL_TRY(const std::uint64_t bytes, bytes_of(entry));
    if (entry.end - entry.begin != bytes)
      return corrupt(fmt::format("tensor '{}' has {} bytes of data, but its shape takes {}",
                                 entry.name, entry.end - entry.begin, bytes));
    at = entry.end;
  }
  if (at != data_bytes)
    return corrupt(
        fmt::format("the tensors take {} bytes, but {} follow the header", at, data_bytes));
  return ok_status();
}

void append_quoted(std::string& out, std::string_view text) {
  out.push_back('"');
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

std::string header_text(const Layout& layout, const SafeTensors::Metadata& metadata) {
  std::string out = "{";
  if (!metadata.empty()) {
    out += "\"__metadata__\":{";
    for (const auto& [key, text] : metadata) {
      if (out.back() != '{') out.push_back(',');
      append_quoted(out, key);
      out.push_back(':');
      append_quoted(out, text);
    }
    out.push_back('}');
  }
  for (const TensorInfo& tensor : layout.tensors()) {
    if (out.size() > 1) out.push_back(',');
    append_quoted(out, tensor.name);
    out += fmt::format(":{{\"dtype\":\"F32\",\"shape\":[{}],\"data_offsets\":[{},{}]}}",
                       fmt::join(tensor.shape, ","), tensor.offset * sizeof(float),
                       (tensor.offset + tensor.size) * sizeof(float));
  }
  out.push_back('}');
  out.resize((out.size() + 7) / 8 * 8, ' ');
  return out;
}

}  // namespace

Result<SafeTensors> parse_safetensors(ByteView bytes) {
  ByteReader reader(bytes);
  SHOAL_TRY(const std::uint64_t header_bytes, reader.number<std::uint64_t>());
  if (header_bytes > kSafeTensorsHeaderMax)
    return limit_exceeded(fmt::format("the header declares {} bytes; at most {} are allowed",
                                      header_bytes, kSafeTensorsHeaderMax));
  SHOAL_TRY(const ByteView text, reader.raw(header_bytes));
  SHOAL_TRY(SafeTensorsHeader header, parse_safetensors_header(as_text(text)));
  std::ranges::stable_sort(header.entries, {}, [](const SafeTensorsEntry& entry) {
    return std::tie(entry.begin, entry.end);
  });
  SHOAL_TRY_STATUS(check_cover(header.entries, reader.left()));

  SafeTensors tensors;
  tensors.metadata = std::move(header.metadata);
  for (SafeTensorsEntry& entry : header.entries)
    tensors.layout.add(std::move(entry.name), std::move(entry.shape));
  tensors.values.resize(tensors.layout.size());
  SHOAL_TRY(const ByteView data, reader.raw(reader.left()));
  if (!data.empty()) std::memcpy(tensors.values.data(), data.data(), data.size());
  return tensors;
}

Result<SafeTensors> read_safetensors(const std::string& path) {
  SHOAL_TRY(const Bytes bytes, read_file(path));
  auto tensors = parse_safetensors(bytes);
  if (!tensors.ok()) return within(fmt::format("while reading {}", path), tensors.error());
  return tensors;
}

Result<Bytes> encode_safetensors(const Layout& layout, std::span<const float> values,
                                 const SafeTensors::Metadata& metadata) {
  SHOAL_CHECK(values.size() == layout.size(), "the values do not fit the layout");
  const std::string header = header_text(layout, metadata);
  // The reader's own rules: what it would refuse is not written.
  auto read_back = parse_safetensors_header(header);
  if (!read_back.ok())
    return invalid_argument("these tensors cannot be saved: " + read_back.error().message);
  if (read_back->entries.size() != layout.tensors().size())
    return invalid_argument("these tensors cannot be saved: '__metadata__' is no tensor name");
  ByteWriter writer;
  writer.reserve(8 + header.size() + values.size_bytes());
  writer.number<std::uint64_t>(header.size());
  writer.raw(as_bytes(header));
  writer.raw(std::as_bytes(values));
  return std::move(writer).take();
}

Status write_safetensors(const std::string& path, const Layout& layout,
                         std::span<const float> values, const SafeTensors::Metadata& metadata) {
  SHOAL_TRY(const Bytes bytes, encode_safetensors(layout, values, metadata));
  return write_file_atomically(path, bytes);
}

}  // namespace shoal
