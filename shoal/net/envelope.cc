#include "shoal/net/envelope.h"

#include <type_traits>

namespace shoal {
namespace {

constexpr std::string_view kStatementFormat = "shoal-frame-1";

template <class T>
requires std::is_unsigned_v<T>
void field(ByteWriter& out, T value) {
  out.number<std::uint32_t>(sizeof value);
  out.number(value);
}

void field(ByteWriter& out, ByteView bytes) {
  out.number<std::uint32_t>(static_cast<std::uint32_t>(bytes.size()));
  out.raw(bytes);
}

}  // namespace

Bytes frame_statement(const FrameHead& head, std::string_view server, std::string_view method) {
  ByteWriter out;
  out.text(kStatementFormat);
  out.text(head.run);
  out.text(server);
  out.text(method);
  field(out, head.from);
  field(out, head.to);
  field(out, static_cast<std::uint64_t>(head.tag));
  field(out, head.round);
  field(out, head.size_bytes);
  field(out, ByteView(head.sha256));
  field(out, ByteView(head.proof.nonce));
  field(out, static_cast<std::uint64_t>(head.proof.expires_unix_s));
  return std::move(out).take();
}

}  // namespace shoal
