// Arbitrary bytes as the messages of shoal.proto, on either side of every call: an error, or values
// of ours that turn into a message and back without change. The first byte chooses the message.
#include <cstdlib>

#include "shoal/net/grpc/observation_parts.h"
#include "shoal/net/grpc/translate.h"
#include "shoal/net/limits.h"

namespace {

using namespace shoal;

void require(bool condition) {
  if (!condition) std::abort();
}

// In slices of `step` bytes, as gRPC may hand them over.
grpc::ByteBuffer buffer_of(ByteView bytes, std::size_t step) {
  std::vector<grpc::Slice> slices;
  for (std::size_t at = 0; at < bytes.size(); at += step)
    slices.emplace_back(bytes.data() + at, std::min(step, bytes.size() - at));
  return grpc::ByteBuffer(slices.data(), slices.size());
}

// Whether the bytes are such a message; if so, it can be written and read again.
template <class Message>
bool read(ByteView bytes, std::size_t step, Message& message, std::size_t bytes_max) {
  grpc::ByteBuffer buffer = buffer_of(bytes, step);
  if (!parse_message(buffer, bytes_max, message).ok()) return false;
  require(bytes.size() <= bytes_max);
  Message again;
  grpc::ByteBuffer written = message_buffer(message);
  require(parse_message(written, kReceiveBytesMax, again).ok());
  require(again.SerializeAsString() == message.SerializeAsString());
  return true;
}

void check_head(const wire::FrameHead& message) {
  const auto head = from_wire(message);
  if (!head.ok()) return;
  const auto again = from_wire(to_wire(*head));
  require(again.ok());
  require(again->run == head->run && again->from == head->from && again->to == head->to);
  require(again->tag == head->tag && again->round == head->round);
  require(again->size_bytes == head->size_bytes && again->sha256 == head->sha256);
  require(again->proof.signature == head->proof.signature);
  if (head->proof.signature.empty()) return;  // then there is no proof
  require(again->proof.nonce == head->proof.nonce);
  require(again->proof.expires_unix_s == head->proof.expires_unix_s);
}

void check_receipt(ByteView bytes) {
  const auto receipt = receipt_in(
      grpc::Status(grpc::StatusCode::ALREADY_EXISTS, "again", std::string(as_text(bytes))));
  if (!receipt) return;
  const Refusal refusal{RefusalCode::kAlreadyExists, "already_received", "again"};
  const auto again = receipt_in(to_status(refusal, receipt));
  require(again && again->sha256 == receipt->sha256 && again->round == receipt->round);
  require(again->number == receipt->number);
}

void check_part(const wire::ObserveRequest& part) {
  constexpr std::uint64_t kBytesMax = 64;
  ObservationParts parts(kBytesMax);
  for (int i = 0; i < 2; ++i) {
    const auto taken = parts.take(part);
    const auto* whole = std::get_if<Bytes>(&taken);
    if (whole == nullptr) continue;
    require(i == 0 && whole->size() == part.size_bytes() && whole->size() <= kBytesMax);
    require(as_text(*whole) == part.part());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const ByteView bytes = std::as_bytes(std::span(data, size)).subspan(1);
  const std::size_t step = 1 + data[0] / 16 * 3;
  wire::FrameHead head;
  wire::JoinRequest join;
  wire::JoinReply place;
  wire::MemberRequest member;
  wire::ReceiveRequest receive;
  wire::Notice notice;
  wire::ObserveRequest part;
  wire::StatusReply status;
  switch (data[0] % 16 % 9) {
    case 0:
      if (read(bytes, step, head, kHeadBytesMax)) check_head(head);
      break;
    case 1:
      read(bytes, step, join, kUnauthenticatedBytesMax);
      break;
    case 2:
      if (read(bytes, step, place, kReceiveBytesMax))
        require(place_digest(place).size() == std::tuple_size_v<Digest>);
      break;
    case 3:
      read(bytes, step, member, kHeadBytesMax);
      break;
    case 4:
      read(bytes, step, receive, kHeadBytesMax);
      break;
    case 5:
      read(bytes, step, notice, kReceiveBytesMax);
      break;
    case 6:
      if (read(bytes, step, part, kReceiveBytesMax)) check_part(part);
      break;
    case 7:
      read(bytes, step, status, kReceiveBytesMax);
      break;
    default:
      check_receipt(bytes);
  }
  return 0;
}
