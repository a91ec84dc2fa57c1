// For the tests of readers: damaged copies of a file's bytes, and files in a folder of the test.
#pragma once

#include <cstddef>
#include <filesystem>
#include <gtest/gtest.h>
#include <string>
#include <zlib.h>

#include "shoal/base/bytes.h"
#include "shoal/base/check.h"
#include "shoal/base/file.h"

namespace shoal {

// Calls use(bytes, offset) with every beginning of `whole` that is shorter than it.
template <class Use>
void for_each_truncation(const Bytes& whole, Use use) {
  for (std::size_t length = 0; length < whole.size(); ++length) {
    // A copy of its own, so that a sanitizer sees any read behind the end.
    const Bytes part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
    use(part, length);
  }
}

// Calls use(bytes, bit) with every single bit of the first `count` bytes flipped.
template <class Use>
void for_each_flip(const Bytes& whole, std::size_t count, Use use) {
  for (std::size_t bit = 0; bit < 8 * count; ++bit) {
    Bytes flipped = whole;
    flipped[bit / 8] ^= std::byte{1} << (bit % 8);
    use(flipped, bit);
  }
}

inline Bytes bytes_of(std::string_view text) {
  const ByteView view = as_bytes(text);
  return Bytes(view.begin(), view.end());
}

inline Bytes gzipped(ByteView plain) {
  z_stream stream{};
  SHOAL_CHECK(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK, "");
  Bytes out(deflateBound(&stream, plain.size()) + 64);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(plain.data()));
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  SHOAL_CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END, "");
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

// Writes a file in the test's temporary folder and returns its path.
inline std::string write_test_file(const std::string& name, ByteView bytes) {
  const std::string folder = testing::TempDir() + "shoal_data_test";
  SHOAL_CHECK(make_folders(folder).ok(), "no temporary folder");
  const std::string path = folder + "/" + name;
  SHOAL_CHECK(write_file_atomically(path, bytes).ok(), "no temporary file");
  return path;
}

}  // namespace shoal
