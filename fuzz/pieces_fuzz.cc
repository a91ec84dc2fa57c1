// Pieces in any order, as a stream brings them, and parts of observations: an error, or frames and
// observations that are what was said of them. The input is a program: a byte says what comes next
// (heads, bodies and notices that are right, parts, or raw bytes), the next ones how much of it.
#include <cstdlib>

#include "shoal/net/grpc/observation_parts.h"
#include "shoal/net/grpc/pieces.h"
#include "shoal/net/grpc/translate.h"

namespace {

using namespace shoal;

constexpr std::uint64_t kFrameBytesMax = 300;
constexpr std::uint64_t kObservationBytesMax = 40;

void require(bool condition) {
  if (!condition) std::abort();
}

class Input {
 public:
  explicit Input(ByteView bytes) : in_(bytes) {}
  bool done() const { return in_.done(); }
  std::uint8_t byte() {
    const auto value = in_.number<std::uint8_t>();
    return value.ok() ? *value : 0;
  }
  ByteView bytes(std::size_t count) { return *in_.raw(std::min(count, in_.left())); }

 private:
  ByteReader in_;
};

grpc::ByteBuffer raw_piece(ByteView bytes, std::size_t step) {
  std::vector<grpc::Slice> slices;
  for (std::size_t at = 0; at < bytes.size(); at += step)
    slices.emplace_back(bytes.data() + at, std::min(step, bytes.size() - at));
  return grpc::ByteBuffer(slices.data(), slices.size());
}

// A stream; ends with its first error.
class Stream {
 public:
  bool next(Input& input) {
    const std::uint8_t kind = input.byte();
    grpc::ByteBuffer piece;
    switch (kind % 4) {
      case 0: {
        const ByteView body = input.bytes(input.byte());
        frame_ = std::make_shared<const Bytes>(body.begin(), body.end());
        FrameHead head;
        head.size_bytes = frame_->size() + (kind & 64 ? 1 : 0);
        head.sha256 = sha256(*frame_);
        piece = head_piece(head);
        break;
      }
      case 1:
        piece = body_piece(frame_, std::min<std::size_t>(at_, frame_->size()), 1 + kind / 4);
        at_ += 1 + kind / 4u;
        break;
      case 2:
        piece = notice_piece({});
        break;
      default:
        piece = raw_piece(input.bytes(input.byte()), 1 + kind / 4);
    }
    if (kind % 4 == 0) at_ = 0;
    return take(piece);
  }

 private:
  bool take(grpc::ByteBuffer& piece) {
    const auto taken = reader_.take(piece);
    if (!taken.ok()) return false;
    const auto* whole = std::get_if<FrameReader::Whole>(&*taken);
    if (whole == nullptr) return true;
    require(whole->frame->size() == whole->head.size_bytes);
    require(whole->frame->size() <= kFrameBytesMax);
    require(sha256(*whole->frame) == whole->head.sha256);
    return true;
  }

  FrameReader reader_{kFrameBytesMax};
  Frame frame_ = std::make_shared<const Bytes>();
  std::size_t at_ = 0;
};

void take_part(ObservationParts& parts, Input& input) {
  wire::ObserveRequest part;
  const std::uint8_t kind = input.byte();
  part.set_node(kind % 2);
  part.set_number(std::uint64_t{kind % 4u / 2u} << 32 | input.byte() % 4);
  part.set_size_bytes(input.byte() % 48);
  part.set_offset(input.byte() % 48);
  part.set_part(std::string(as_text(input.bytes(kind / 8))));
  const auto taken = parts.take(part);
  const auto* whole = std::get_if<Bytes>(&taken);
  if (whole == nullptr) return;
  require(whole->size() == part.size_bytes() && whole->size() <= kObservationBytesMax);
  require(as_text(*whole).ends_with(part.part()));
  const auto again = parts.take(part);  // is taken once
  require(!std::holds_alternative<Bytes>(again));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(std::as_bytes(std::span(data, size)));
  if (input.byte() % 4 == 0) {
    ObservationParts parts(kObservationBytesMax);
    while (!input.done()) take_part(parts, input);
    return 0;
  }
  Stream stream;
  while (!input.done() && stream.next(input)) {
  }
  return 0;
}
