#include "shoal/net/grpc/pieces.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>

#include "shoal/net/grpc/translate.h"
#include "shoal/net/limits.h"

namespace shoal {
namespace {

// Field 2 of wire::Piece, length-delimited.
constexpr std::uint8_t kBodyKey = 0x12;
// A varint of 64 bits takes ten bytes.
constexpr std::size_t kBodyHeadBytesMax = 11;

void release_frame(void* owner) { delete static_cast<Frame*>(owner); }

grpc::ByteBuffer piece_buffer(const wire::Piece& piece) { return message_buffer(piece); }

// Drops `count` bytes from the front.
void drop_front(std::vector<grpc::Slice>& slices, std::size_t count) {
  std::size_t i = 0;
  while (i < slices.size() && slices[i].size() <= count) count -= slices[i++].size();
  slices.erase(slices.begin(), slices.begin() + static_cast<std::ptrdiff_t>(i));
  if (count > 0 && !slices.empty())
    slices.front() = slices.front().sub(count, slices.front().size());
}

Result<ReceivedPiece> read_body(grpc::ByteBuffer& buffer, std::vector<grpc::Slice> slices,
                                const std::array<std::uint8_t, kBodyHeadBytesMax>& front,
                                std::size_t front_bytes) {
  std::uint64_t size = 0;
  std::size_t at = 1;
  for (unsigned shift = 0;; shift += 7) {
    if (at >= front_bytes || shift > 63) return invalid_argument("the length of a body is cut off");
    const std::uint8_t byte = front[at++];
    size |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) break;
  }
  if (size != buffer.Length() - at)
    return invalid_argument(fmt::format("a piece says that its body has {} bytes and holds {}",
                                        size, buffer.Length() - at));
  if (size > kChunkBytesMax)
    return limit_exceeded(
        fmt::format("a piece has at most {} bytes, not {}", kChunkBytesMax, size));
  drop_front(slices, at);
  buffer.Clear();
  return ReceivedPiece(BodyPiece{std::move(slices), static_cast<std::size_t>(size)});
}

}  // namespace

grpc::ByteBuffer head_piece(const FrameHead& head) {
  wire::Piece piece;
  *piece.mutable_head() = to_wire(head);
  return piece_buffer(piece);
}

grpc::ByteBuffer body_piece(const Frame& frame, std::size_t offset, std::size_t size_max) {
  const std::size_t size = std::min(size_max, frame->size() - offset);
  std::array<std::uint8_t, kBodyHeadBytesMax> front{kBodyKey};
  std::size_t front_bytes = 1;
  for (std::size_t left = size;; left >>= 7) {
    const bool last = left < 0x80;
    front[front_bytes++] = static_cast<std::uint8_t>((left & 0x7f) | (last ? 0 : 0x80));
    if (last) break;
  }
  void* begin = const_cast<std::byte*>(frame->data() + offset);  // gRPC only reads it
  const std::array<grpc::Slice, 2> slices{
      grpc::Slice(front.data(), front_bytes),
      grpc::Slice(begin, size, &release_frame, new Frame(frame))};
  return grpc::ByteBuffer(slices.data(), slices.size());
}

grpc::ByteBuffer notice_piece(const wire::Notice& notice) {
  wire::Piece piece;
  *piece.mutable_notice() = notice;
  return piece_buffer(piece);
}

grpc::ByteBuffer PieceWriter::next() {
  if (!head_written_) {
    head_written_ = true;
    return head_piece(head_);
  }
  grpc::ByteBuffer piece = body_piece(frame_, offset_, piece_bytes_max_);
  offset_ += std::min(piece_bytes_max_, frame_->size() - offset_);
  return piece;
}

Result<ReceivedPiece> read_piece(grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  if (!buffer.Valid() || !buffer.Dump(&slices).ok())
    return invalid_argument("the message cannot be read");
  std::array<std::uint8_t, kBodyHeadBytesMax> front{};
  std::size_t front_bytes = 0;
  for (const grpc::Slice& slice : slices)
    for (std::size_t i = 0; i < slice.size() && front_bytes < front.size(); ++i)
      front[front_bytes++] = slice.begin()[i];
  if (front_bytes > 0 && front[0] == kBodyKey)
    return read_body(buffer, std::move(slices), front, front_bytes);

  wire::Piece piece;
  SHOAL_TRY_STATUS(parse_message(buffer, kReceiveBytesMax, piece));
  switch (piece.content_case()) {
    case wire::Piece::kHead: {
      if (piece.head().ByteSizeLong() > kHeadBytesMax)
        return limit_exceeded(fmt::format("a head has at most {} bytes", kHeadBytesMax));
      SHOAL_TRY(FrameHead head, from_wire(piece.head()));
      return ReceivedPiece(std::move(head));
    }
    case wire::Piece::kNotice:
      return ReceivedPiece(std::move(*piece.mutable_notice()));
    default:
      return invalid_argument("a piece holds a head, a body or a notice");
  }
}

Status FrameAssembly::append(const BodyPiece& piece) {
  const std::size_t left = static_cast<std::size_t>(head_.size_bytes) - body_.size();
  if (piece.size_bytes > left)
    return invalid_argument(fmt::format(
        "the body is longer than the {} bytes that its head declares", head_.size_bytes));
  if (piece.size_bytes == 0) return invalid_argument("a piece of a body is empty");
  // At once: what is not written yet costs addresses, not memory.
  if (body_.empty()) body_.reserve(static_cast<std::size_t>(head_.size_bytes));
  for (const grpc::Slice& slice : piece.slices) {
    const auto* begin = reinterpret_cast<const std::byte*>(slice.begin());
    body_.insert(body_.end(), begin, begin + slice.size());
  }
  return ok_status();
}

Result<FrameReader::Taken> FrameReader::take(grpc::ByteBuffer& bytes) {
  SHOAL_TRY(ReceivedPiece piece, read_piece(bytes));
  if (auto* notice = std::get_if<wire::Notice>(&piece)) return Taken(std::move(*notice));
  if (auto* head = std::get_if<FrameHead>(&piece)) {
    if (assembly_) return corrupt("a frame begins before the last one has ended");
    if (head->size_bytes > frame_bytes_max_)
      return limit_exceeded(fmt::format("a frame of {} bytes; at most {} are taken",
                                        head->size_bytes, frame_bytes_max_));
    assembly_.emplace(std::move(*head));
  } else {
    if (!assembly_) return corrupt("a body without a head");
    SHOAL_TRY_STATUS(assembly_->append(std::get<BodyPiece>(piece)));
  }
  if (!assembly_->complete()) return Taken(More{});
  return complete();
}

Result<FrameReader::Taken> FrameReader::complete() {
  Whole whole{assembly_->head(), assembly_->take()};
  assembly_.reset();
  if (sha256(*whole.frame) != whole.head.sha256) return corrupt("a frame does not have its digest");
  return Taken(std::move(whole));
}

}  // namespace shoal
