// Between our types and the messages of shoal.proto. What comes in is checked: a message that does
// not parse, is larger than it may be, or has a field of the wrong size gives an Error.
#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>
#include <optional>
#include <string>

#include "shoal/net/gate.h"
#include "shoal/net/grpc/shoal.pb.h"

namespace shoal {

// The code and the sentence; the receipt, for ALREADY_EXISTS, in the status's details.
grpc::Status to_status(const Refusal& refusal, const std::optional<Receipt>& receipt = {});
// The receipt in such a status.
std::optional<Receipt> receipt_in(const grpc::Status& status);
// "UNAVAILABLE: connection refused"
std::string status_text(const grpc::Status& status);
// What a failure to reach somebody comes from, as far as gRPC lets one see it.
std::string trouble_text(const grpc::Status& status, bool certificates);

Refusal malformed(std::string sentence);

// Parses at most bytes_max bytes; consumes the buffer.
Status parse_message(grpc::ByteBuffer& buffer, std::size_t bytes_max,
                     google::protobuf::MessageLite& message);
grpc::ByteBuffer message_buffer(const google::protobuf::MessageLite& message);

wire::FrameHead to_wire(const FrameHead& head);
Result<FrameHead> from_wire(const wire::FrameHead& head);
wire::Receipt to_wire(const Receipt& receipt);
// What JoinReply::sha256 has to be. A bit that flips in the experiment on a line without TLS would
// be trained on.
std::string place_digest(const wire::JoinReply& reply);
Result<Receipt> from_wire(const wire::Receipt& receipt);

}  // namespace shoal
