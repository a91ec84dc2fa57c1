#include "shoal/net/grpc/translate.h"

#include <cstring>
#include <fmt/format.h>
#include <grpcpp/support/proto_buffer_reader.h>

#include "shoal/net/limits.h"

namespace shoal {
namespace {

constexpr std::size_t kSignatureBytesMax = 1024;

std::string_view code_name(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::OK:
      return "OK";
    case grpc::StatusCode::CANCELLED:
      return "CANCELLED";
    case grpc::StatusCode::INVALID_ARGUMENT:
      return "INVALID_ARGUMENT";
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return "DEADLINE_EXCEEDED";
    case grpc::StatusCode::NOT_FOUND:
      return "NOT_FOUND";
    case grpc::StatusCode::ALREADY_EXISTS:
      return "ALREADY_EXISTS";
    case grpc::StatusCode::PERMISSION_DENIED:
      return "PERMISSION_DENIED";
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      return "RESOURCE_EXHAUSTED";
    case grpc::StatusCode::FAILED_PRECONDITION:
      return "FAILED_PRECONDITION";
    case grpc::StatusCode::UNIMPLEMENTED:
      return "UNIMPLEMENTED";
    case grpc::StatusCode::INTERNAL:
      return "INTERNAL";
    case grpc::StatusCode::UNAVAILABLE:
      return "UNAVAILABLE";
    case grpc::StatusCode::UNAUTHENTICATED:
      return "UNAUTHENTICATED";
    default:
      return "UNKNOWN";
  }
}

template <std::size_t N>
Status copy_exactly(const std::string& from, std::array<std::byte, N>& to, std::string_view what) {
  if (from.size() != N)
    return invalid_argument(fmt::format("{} has {} bytes instead of {}", what, from.size(), N));
  std::memcpy(to.data(), from.data(), N);
  return ok_status();
}

template <class Array>
std::string text_of(const Array& bytes) {
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

}  // namespace

grpc::Status to_status(const Refusal& refusal, const std::optional<Receipt>& receipt) {
  const auto code = static_cast<grpc::StatusCode>(refusal.code);
  if (!receipt) return grpc::Status(code, refusal.sentence);
  return grpc::Status(code, refusal.sentence, to_wire(*receipt).SerializeAsString());
}

std::optional<Receipt> receipt_in(const grpc::Status& status) {
  wire::Receipt receipt;
  if (!receipt.ParseFromString(status.error_details())) return std::nullopt;
  auto read = from_wire(receipt);
  if (!read) return std::nullopt;
  return *read;
}

std::string status_text(const grpc::Status& status) {
  return fmt::format("{}: {}", code_name(status.error_code()), status.error_message());
}

std::string trouble_text(const grpc::Status& status, bool certificates) {
  const std::string& message = status.error_message();
  const auto says = [&message](const char* text) {
    return message.find(text) != std::string::npos;
  };
  if (says("certificate verify failed"))
    return "its certificate is not of the authority in our start kit, or not for this address";
  if (says("wrong version number")) return "it listens without certificates; join without a kit";
  if (says("Connection refused")) return "connection refused: nobody listens there";
  if (says("Socket closed"))
    return certificates ? "it closes the connection: our certificate is not good for it"
                        : "it closes the connection; one that asks for certificates needs --kit";
  return status_text(status);
}

Refusal malformed(std::string sentence) {
  return Refusal{RefusalCode::kInvalidArgument, "malformed", std::move(sentence)};
}

Status parse_message(grpc::ByteBuffer& buffer, std::size_t bytes_max,
                     google::protobuf::MessageLite& message) {
  const std::size_t size = buffer.Valid() ? buffer.Length() : 0;
  if (size > bytes_max)
    return limit_exceeded(
        fmt::format("a message of this kind has at most {} bytes, not {}", bytes_max, size));
  if (!buffer.Valid()) return invalid_argument("the message is missing");
  grpc::ProtoBufferReader reader(&buffer);
  const bool parsed = message.ParseFromZeroCopyStream(&reader) && reader.status().ok();
  if (!parsed) return invalid_argument("the message is not a " + message.GetTypeName());
  return ok_status();
}

grpc::ByteBuffer message_buffer(const google::protobuf::MessageLite& message) {
  const grpc::Slice slice(message.SerializeAsString());
  return grpc::ByteBuffer(&slice, 1);
}

wire::FrameHead to_wire(const FrameHead& head) {
  wire::FrameHead out;
  out.set_run(head.run);
  out.set_from(head.from);
  out.set_to(head.to);
  out.set_tag(static_cast<std::uint64_t>(head.tag));
  out.set_round(head.round);
  out.set_size_bytes(head.size_bytes);
  out.set_sha256(text_of(head.sha256));
  if (!head.proof.signature.empty()) {
    out.mutable_proof()->set_nonce(text_of(head.proof.nonce));
    out.mutable_proof()->set_expires_unix_s(head.proof.expires_unix_s);
    out.mutable_proof()->set_signature(text_of(head.proof.signature));
  }
  return out;
}

Result<FrameHead> from_wire(const wire::FrameHead& head) {
  FrameHead out;
  out.run = head.run();
  out.from = head.from();
  out.to = head.to();
  out.tag = static_cast<Tag>(head.tag());
  out.round = head.round();
  out.size_bytes = head.size_bytes();
  SHOAL_TRY_STATUS(copy_exactly(head.sha256(), out.sha256, "sha256"));
  if (head.has_proof()) {
    SHOAL_TRY_STATUS(copy_exactly(head.proof().nonce(), out.proof.nonce, "the proof's nonce"));
    out.proof.expires_unix_s = head.proof().expires_unix_s();
    if (head.proof().signature().size() > kSignatureBytesMax)
      return limit_exceeded(fmt::format("a signature has at most {} bytes", kSignatureBytesMax));
    const ByteView signature = as_bytes(head.proof().signature());
    out.proof.signature.assign(signature.begin(), signature.end());
  }
  return out;
}

wire::Receipt to_wire(const Receipt& receipt) {
  wire::Receipt out;
  out.set_sha256(text_of(receipt.sha256));
  out.set_round(receipt.round);
  out.set_number(receipt.number);
  return out;
}

Result<Receipt> from_wire(const wire::Receipt& receipt) {
  Receipt out;
  SHOAL_TRY_STATUS(copy_exactly(receipt.sha256(), out.sha256, "sha256"));
  out.round = receipt.round();
  out.number = receipt.number();
  return out;
}

std::string place_digest(const wire::JoinReply& reply) {
  std::string text;
  for (const std::string& part : {reply.run(), reply.server(), fmt::to_string(reply.node()),
                                  reply.experiment(), fmt::to_string(reply.begun())})
    text += part + '\0';
  return text_of(sha256(as_bytes(text)));
}

}  // namespace shoal
