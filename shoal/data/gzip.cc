#include "shoal/data/gzip.h"

#include <algorithm>
#include <fmt/format.h>
#include <zlib.h>

#include "shoal/base/check.h"

namespace shoal {
namespace {

constexpr std::size_t kStepBytes = std::size_t{1} << 20;
constexpr int kGzipWindow = 15 + 16;  // largest window, gzip wrapper (zlib.h, inflateInit2)

}  // namespace

struct GzipReader::State {
  z_stream stream{};
  ByteView input;
  std::size_t given = 0;  // bytes of the input handed to zlib
  bool ended = false;
};

bool is_gzip(ByteView bytes) {
  return bytes.size() >= 2 && bytes[0] == std::byte{0x1f} && bytes[1] == std::byte{0x8b};
}

GzipReader::GzipReader(ByteView bytes) : state_(std::make_unique<State>()) {
  state_->input = bytes;
  SHOAL_CHECK(inflateInit2(&state_->stream, kGzipWindow) == Z_OK, "zlib has no memory");
}

GzipReader::~GzipReader() { inflateEnd(&state_->stream); }

Result<std::size_t> GzipReader::some(std::byte* out, std::size_t count) {
  z_stream& stream = state_->stream;
  stream.next_out = reinterpret_cast<Bytef*>(out);
  stream.avail_out = static_cast<uInt>(count);
  while (stream.avail_out > 0 && !state_->ended) {
    if (stream.avail_in == 0) {
      const std::size_t piece = std::min(kStepBytes, state_->input.size() - state_->given);
      stream.next_in =
          reinterpret_cast<Bytef*>(const_cast<std::byte*>(state_->input.data() + state_->given));
      stream.avail_in = static_cast<uInt>(piece);
      state_->given += piece;
    }
    const int code = inflate(&stream, Z_NO_FLUSH);
    if (code == Z_STREAM_END)
      state_->ended = true;
    else if (code == Z_BUF_ERROR)
      return corrupt("the compressed data end in the middle");
    else if (code != Z_OK)
      return corrupt(fmt::format("the compressed data are damaged near byte {}{}{}",
                                 state_->given - stream.avail_in, stream.msg ? ": " : "",
                                 stream.msg ? stream.msg : ""));
  }
  return count - stream.avail_out;
}

Status GzipReader::append(Bytes& out, std::uint64_t count) {
  while (count > 0) {
    const auto step = static_cast<std::size_t>(std::min<std::uint64_t>(count, kStepBytes));
    const std::size_t begin = out.size();
    out.resize(begin + step);
    auto got = some(out.data() + begin, step);
    if (!got.ok()) return got.error();
    out.resize(begin + *got);
    if (*got < step) break;
    count -= step;
  }
  return ok_status();
}

Status GzipReader::expect_end() {
  std::byte extra{};
  SHOAL_TRY(const std::size_t more, some(&extra, 1));
  if (more > 0) return corrupt("the compressed data go on behind what the header declares");
  if (state_->stream.avail_in > 0 || state_->given < state_->input.size())
    return corrupt(fmt::format("bytes follow the end of the compressed data at byte {}",
                               state_->given - state_->stream.avail_in));
  return ok_status();
}

Result<Bytes> gunzip(ByteView bytes, std::uint64_t max_bytes) {
  GzipReader reader(bytes);
  Bytes out;
  SHOAL_TRY_STATUS(reader.append(out, max_bytes));
  if (out.size() == max_bytes && !reader.expect_end().ok())
    return limit_exceeded(fmt::format("the file unfolds to more than {} bytes", max_bytes));
  SHOAL_TRY_STATUS(reader.expect_end());
  return out;
}

}  // namespace shoal
