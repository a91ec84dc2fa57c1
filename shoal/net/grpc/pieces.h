// Pieces: how a frame crosses the wire. Its head, then its body cut into at most kChunkBytesMax.
//
// A body piece is written without copying: the message refers to the frame, which lives until gRPC
// has sent it; one frame sent to many receivers exists once. Reading copies each body once, from
// gRPC's buffers to its place in the frame. The bytes are those of wire::Piece.
#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <optional>
#include <variant>
#include <vector>

#include "shoal/net/envelope.h"
#include "shoal/net/grpc/shoal.pb.h"
#include "shoal/net/limits.h"

namespace shoal {

grpc::ByteBuffer head_piece(const FrameHead& head);
// Bytes [offset, offset + size_max) of the frame, or what is left of it.
grpc::ByteBuffer body_piece(const Frame& frame, std::size_t offset,
                            std::size_t size_max = kChunkBytesMax);
grpc::ByteBuffer notice_piece(const wire::Notice& notice);

// The frame as a sequence of pieces: head, then body.
class PieceWriter {
 public:
  PieceWriter(const FrameHead& head, Frame frame, std::size_t piece_bytes_max = kChunkBytesMax)
      : head_(head), frame_(std::move(frame)), piece_bytes_max_(piece_bytes_max) {}
  grpc::ByteBuffer next();
  bool done() const { return head_written_ && offset_ == frame_->size(); }

 private:
  FrameHead head_;
  Frame frame_;
  std::size_t piece_bytes_max_;
  bool head_written_ = false;
  std::size_t offset_ = 0;
};

// A body that has come, still in gRPC's buffers.
struct BodyPiece {
  std::vector<grpc::Slice> slices;
  std::size_t size_bytes = 0;
};
using ReceivedPiece = std::variant<FrameHead, BodyPiece, wire::Notice>;

Result<ReceivedPiece> read_piece(grpc::ByteBuffer& buffer);

// A frame that is coming in. Never holds more than the head has declared, which
// the gate has let in.
class FrameAssembly {
 public:
  explicit FrameAssembly(FrameHead head) : head_(std::move(head)) {}
  const FrameHead& head() const { return head_; }
  std::size_t size_bytes() const { return body_.size(); }
  bool complete() const { return body_.size() == head_.size_bytes; }
  Status append(const BodyPiece& piece);
  Frame take() { return std::make_shared<const Bytes>(std::move(body_)); }

 private:
  FrameHead head_;
  Bytes body_;
};

// The pieces of one stream, put together. An error ends the stream: what comes after it means
// nothing.
class FrameReader {
 public:
  struct Whole {
    FrameHead head;
    Frame frame;  // it has the size and the digest of its head
  };
  struct More {};
  using Taken = std::variant<More, Whole, wire::Notice>;

  explicit FrameReader(std::uint64_t frame_bytes_max) : frame_bytes_max_(frame_bytes_max) {}
  Result<Taken> take(grpc::ByteBuffer& piece);

 private:
  Result<Taken> complete();

  const std::uint64_t frame_bytes_max_;
  std::optional<FrameAssembly> assembly_;
};

}  // namespace shoal
