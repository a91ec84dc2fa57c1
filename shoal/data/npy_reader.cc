#include "shoal/data/npy_reader.h"

#include <cstring>
#include <fmt/format.h>
#include <optional>
#include <string_view>

#include "shoal/base/file.h"
#include "shoal/data/text_scan.h"

namespace shoal {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kAlignment = 64;

struct TypeName {
  std::string_view name;
  ElementType type;
};
constexpr TypeName kTypes[] = {{"<f4", ElementType::kF32}, {"<f8", ElementType::kF64},
                               {"<i4", ElementType::kI32}, {"<i8", ElementType::kI64},
                               {"|u1", ElementType::kU8},  {"<u1", ElementType::kU8},
                               {"u1", ElementType::kU8}};

struct Header {
  std::optional<ElementType> type;
  std::optional<bool> fortran_order;
  std::optional<std::vector<std::uint64_t>> shape;
};

// Reads the small part of Python's literal syntax that NumPy writes.
class HeaderParser {
 public:
  HeaderParser(std::string_view text, std::size_t offset) : text_(text), offset_(offset) {}

  Result<Header> parse() {
    Header header;
    if (!take('{')) return wrong("expected '{'");
    while (!take('}')) {
      SHOAL_TRY(const std::string_view key, string());
      if (!take(':')) return wrong("expected ':'");
      SHOAL_TRY_STATUS(value(key, header));
      if (take(',')) continue;
      if (!take('}')) return wrong("expected ',' or '}'");
      break;
    }
    skip();
    if (at_ < text_.size()) return wrong("text behind the dictionary");
    if (!header.type || !header.fortran_order || !header.shape)
      return wrong("the header needs 'descr', 'fortran_order' and 'shape'");
    return header;
  }

 private:
  Error wrong(std::string_view complaint) const {
    return corrupt(fmt::format("byte {}: {}", offset_ + at_, complaint));
  }
  void skip() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }
  bool take(char wanted) {
    skip();
    if (at_ >= text_.size() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }
  bool take_word(std::string_view wanted) {
    skip();
    if (!text_.substr(at_).starts_with(wanted)) return false;
    at_ += wanted.size();
    return true;
  }
  Result<std::string_view> string() {
    skip();
    if (at_ >= text_.size() || (text_[at_] != '\'' && text_[at_] != '"'))
      return wrong("expected a quoted text");
    const char quote = text_[at_++];
    const std::size_t end = text_.find(quote, at_);
    if (end == std::string_view::npos) return wrong("a quoted text without an end");
    const std::string_view inside = text_.substr(at_, end - at_);
    at_ = end + 1;
    return inside;
  }
  Status value(std::string_view key, Header& header) {
    if (key == "descr" && !header.type) return descr(header);
    if (key == "shape" && !header.shape) return shape(header);
    if (key == "fortran_order" && !header.fortran_order) {
      if (take_word("True"))
        header.fortran_order = true;
      else if (take_word("False"))
        header.fortran_order = false;
      else
        return wrong("expected True or False");
      return ok_status();
    }
    return wrong(fmt::format("the key '{}' is unknown or stands twice", key.substr(0, 40)));
  }
  Status descr(Header& header) {
    SHOAL_TRY(const std::string_view name, string());
    for (const TypeName& known : kTypes)
      if (known.name == name) header.type = known.type;
    if (!header.type)
      return unsupported(
          fmt::format("byte {}: elements of type '{}'; read are little-endian f4, "
                      "f8, i4, i8 and u1",
                      offset_ + at_, name.substr(0, 40)));
    return ok_status();
  }
  Status shape(Header& header) {
    if (!take('(')) return wrong("expected '('");
    std::vector<std::uint64_t> dimensions;
    while (!take(')')) {
      skip();
      const std::size_t end = text_.find_first_not_of("0123456789", at_);
      if (end == std::string_view::npos) return wrong("a shape without an end");
      const auto dimension = parse_number<std::uint64_t>(text_.substr(at_, end - at_));
      if (!dimension) return wrong("expected a dimension of at most 64 bits");
      at_ = end;
      if (dimensions.size() == kMaxNpyDimensions)
        return wrong(fmt::format("more than {} dimensions", kMaxNpyDimensions));
      dimensions.push_back(*dimension);
      if (take(',')) continue;
      if (!take(')')) return wrong("expected ',' or ')'");
      break;
    }
    header.shape = std::move(dimensions);
    return ok_status();
  }

  std::string_view text_;
  std::size_t offset_;
  std::size_t at_ = 0;
};

// Where the dictionary lies: its begin and length.
Result<std::pair<std::size_t, std::size_t>> locate_header(ByteView bytes) {
  if (bytes.size() < 10) return corrupt("an NPY file has at least 10 bytes");
  if (!as_text(bytes).starts_with(kMagic)) return corrupt("byte 0: not an NPY file");
  const auto version = std::to_integer<int>(bytes[6]);
  if (version < 1 || version > 3 || bytes[7] != std::byte{0})
    return unsupported(fmt::format("byte 6: NPY version {}.{}; read are 1.0, 2.0 and 3.0", version,
                                   std::to_integer<int>(bytes[7])));
  ByteReader reader(bytes.subspan(8));
  std::uint64_t length = 0;
  if (version == 1) {
    SHOAL_TRY(length, reader.number<std::uint16_t>());
  } else {
    SHOAL_TRY(length, reader.number<std::uint32_t>());
  }
  const std::size_t begin = 8 + reader.offset();
  if (length > kMaxNpyHeaderBytes)
    return limit_exceeded(fmt::format("byte 8: a header of {} bytes; at most {} are read", length,
                                      kMaxNpyHeaderBytes));
  if (length > bytes.size() - begin)
    return corrupt(fmt::format("the file ends at byte {}, inside its header of {} bytes",
                               bytes.size(), length));
  return std::pair{begin, static_cast<std::size_t>(length)};
}

// Copies elements from Fortran order (first index fastest) to C order (last index fastest).
void copy_fortran(ByteView from, const TypedArray& array, Bytes& to) {
  const std::size_t size = element_size(array.type);
  const std::size_t dimensions = array.shape.size();
  std::vector<std::uint64_t> at(dimensions, 0);
  std::vector<std::uint64_t> stride(dimensions, 1);
  for (std::size_t d = 1; d < dimensions; ++d) stride[d] = stride[d - 1] * array.shape[d - 1];
  std::uint64_t source = 0;
  for (std::size_t target = 0; target * size < to.size(); ++target) {
    std::memcpy(to.data() + target * size, from.data() + source * size, size);
    for (std::size_t d = dimensions; d-- > 0;) {
      source += stride[d];
      if (++at[d] < array.shape[d]) break;
      source -= stride[d] * array.shape[d];
      at[d] = 0;
    }
  }
}

}  // namespace

Result<TypedArray> parse_npy(ByteView bytes) {
  SHOAL_TRY(const auto place, locate_header(bytes));
  const auto [begin, length] = place;
  SHOAL_TRY(const Header header,
            HeaderParser(as_text(bytes.subspan(begin, length)), begin).parse());
  TypedArray array{*header.type, *header.shape, {}};
  SHOAL_TRY(const std::uint64_t declared, array_bytes(array.shape, array.type));
  const ByteView elements = bytes.subspan(begin + length);
  if (declared != elements.size())
    return corrupt(fmt::format("the header declares {} bytes of elements, the file has {}",
                               declared, elements.size()));
  array.data.assign(elements.begin(), elements.end());
  if (*header.fortran_order && array.shape.size() > 1) copy_fortran(elements, array, array.data);
  return array;
}

Result<TypedArray> read_npy(const std::string& path) {
  SHOAL_TRY(const Bytes bytes, read_file(path));
  auto array = parse_npy(bytes);
  if (!array.ok()) return within(path, array.error());
  return array;
}

Result<Bytes> npy_bytes(const TypedArray& array) {
  if (array.shape.size() > kMaxNpyDimensions)
    return unsupported(fmt::format("NPY files here have at most {} dimensions", kMaxNpyDimensions));
  std::string_view name;
  for (const TypeName& known : kTypes)
    if (known.type == array.type && name.empty()) name = known.name;
  if (name.empty()) return unsupported("NPY files here hold f4, f8, i4, i8 or u1");
  std::string shape;
  for (const std::uint64_t dimension : array.shape) shape += fmt::format("{}, ", dimension);
  if (array.shape.size() > 1) shape.resize(shape.size() - 2);
  if (array.shape.size() == 1) shape.resize(shape.size() - 1);
  std::string dictionary =
      fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", name, shape);
  const std::size_t unpadded = kMagic.size() + 4 + dictionary.size() + 1;
  dictionary.append((kAlignment - unpadded % kAlignment) % kAlignment, ' ');
  dictionary += '\n';
  ByteWriter writer;
  writer.raw(as_bytes(kMagic));
  writer.number<std::uint8_t>(1);
  writer.number<std::uint8_t>(0);
  writer.number(static_cast<std::uint16_t>(dictionary.size()));
  writer.raw(as_bytes(dictionary));
  writer.raw(array.data);
  return std::move(writer).take();
}

Status write_npy(const std::string& path, const TypedArray& array) {
  SHOAL_TRY(const Bytes bytes, npy_bytes(array));
  return write_file_atomically(path, ByteView(bytes));
}

Status write_npy(const std::string& path, std::span<const std::uint64_t> shape,
                 std::span<const float> values) {
  TypedArray array{ElementType::kF32, {shape.begin(), shape.end()}, {}};
  SHOAL_TRY(const std::uint64_t declared, array_bytes(shape, array.type));
  if (declared != values.size_bytes())
    return invalid_argument(fmt::format("{} numbers do not fill the shape given", values.size()));
  const auto raw = std::as_bytes(values);
  array.data.assign(raw.begin(), raw.end());
  return write_npy(path, array);
}

}  // namespace shoal
