// TensorBoard event files, byte by byte.
//
// A TFRecord frame: u64 length, u32 masked CRC-32C of the length, the data, u32 masked CRC-32C of
// the data, all little-endian. The data is a protobuf message of tensorflow/core/util/event.proto
// and framework/summary.proto, of which four fields are written:
//
//   Event    { 1 wall_time: double; 2 step: int64; 3 file_version: string; 5 summary: Summary }
//   Summary  { 1 value: Value (repeated) }
//   Value    { 1 tag: string; 2 simple_value: float }
//
// The first event holds the file version; every other one a single scalar.
#include "shoal/run/tensorboard.h"

#include "shoal/base/crc32c.h"

namespace shoal {
namespace {

constexpr std::string_view kFileVersion = "brain.Event:2";

// A protobuf message under construction; fields are written in the order of the calls.
class Protobuf {
 public:
  void fixed(int field, double value) {
    key(field, 1);
    out_.number(value);
  }
  void fixed(int field, float value) {
    key(field, 5);
    out_.number(value);
  }
  void integer(int field, std::uint64_t value) {
    key(field, 0);
    varint(value);
  }
  void text(int field, std::string_view value) {
    key(field, 2);
    varint(value.size());
    out_.raw(as_bytes(value));
  }
  void message(int field, const Protobuf& inner) { text(field, as_text(inner.bytes())); }
  const Bytes& bytes() const { return out_.bytes(); }

 private:
  void key(int field, std::uint64_t wire_type) {
    varint(static_cast<std::uint64_t>(field) << 3 | wire_type);
  }
  // Seven bits a byte, lowest first; the top bit says that more follow.
  void varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) out_.number(static_cast<std::uint8_t>(value | 0x80));
    out_.number(static_cast<std::uint8_t>(value));
  }
  ByteWriter out_;
};

void write_record(const Protobuf& event, ByteWriter& out) {
  const std::uint64_t length = event.bytes().size();
  out.number(length);
  out.number(masked_crc32c(std::as_bytes(std::span(&length, 1))));
  out.raw(event.bytes());
  out.number(masked_crc32c(event.bytes()));
}

void write_scalar(const LedgerLine& line, std::string_view tag, double value, ByteWriter& out) {
  Protobuf scalar;
  scalar.text(1, tag);
  scalar.fixed(2, static_cast<float>(value));
  Protobuf summary;
  summary.message(1, scalar);
  Protobuf event;
  event.fixed(1, line.time_s);
  event.integer(2, line.round);
  event.message(5, summary);
  write_record(event, out);
}

}  // namespace

std::string tensorboard_events(const std::vector<LedgerLine>& lines) {
  ByteWriter out;
  Protobuf version;
  version.fixed(1, 0.0);
  version.text(3, kFileVersion);
  write_record(version, out);
  for (const LedgerLine& line : lines) {
    write_scalar(line, "bytes_up", static_cast<double>(line.bytes_up), out);
    write_scalar(line, "bytes_down", static_cast<double>(line.bytes_down), out);
    write_scalar(line, "gradients", static_cast<double>(line.gradients), out);
    for (const auto& [name, value] : line.figures) write_scalar(line, name, value, out);
  }
  return std::string(as_text(out.bytes()));
}

}  // namespace shoal
