// Arbitrary bytes as a server's journal: an error, or records that are written back as the same
// bytes, and a history that survives being shortened. The first byte chooses whether the rest is
// taken as it is, as records whose checksums are made right, or as the payload of one record.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "shoal/net/server_journal.h"

namespace {

void check_log(shoal::ByteView file) {
  const auto contents = shoal::parse_log(file, "fuzz");
  if (!contents.ok()) return;
  SHOAL_CHECK(contents->good_bytes + contents->torn_bytes == file.size(), "every byte counts");
  shoal::Bytes again = shoal::log_head("fuzz");
  std::uint64_t number = 1;
  for (const auto& record : contents->records) {
    const shoal::Bytes bytes = shoal::log_record(number++, record);
    again.insert(again.end(), bytes.begin(), bytes.end());
  }
  SHOAL_CHECK(
      again.size() == contents->good_bytes && std::equal(again.begin(), again.end(), file.begin()),
      "what was read is what was written");
}

// Behind a right head, up to `count` records get the checksums and the number they should have.
shoal::Bytes made_right(shoal::ByteView bytes, std::size_t count) {
  constexpr std::size_t kRecordHeadBytes = 24;
  shoal::Bytes file = shoal::log_head("fuzz");
  for (std::uint64_t number = 1; number <= count; ++number) {
    if (bytes.size() < kRecordHeadBytes) break;
    const std::size_t length =
        std::min(std::to_integer<std::size_t>(bytes[8]), bytes.size() - kRecordHeadBytes);
    const auto type = std::to_integer<std::uint32_t>(bytes[12]);
    const shoal::Bytes record =
        shoal::log_record(number, {type, bytes.subspan(kRecordHeadBytes, length)});
    file.insert(file.end(), record.begin(), record.end());
    bytes = bytes.subspan(record.size());
  }
  file.insert(file.end(), bytes.begin(), bytes.end());
  return file;
}

void check_record(std::uint32_t type, shoal::ByteView payload) {
  shoal::ServerHistory history;
  const shoal::LogRecord record{type, payload};
  if (!history.add(record).ok()) return;
  const auto journal = shoal::shorten(history, std::span(&record, 1));
  shoal::ServerHistory again;
  // An incarnation of 0 is what no journal holds; it is refused.
  for (const auto& kept : journal.records)
    if (!again.add(kept).ok()) SHOAL_CHECK(history.incarnation == 0, "what was kept can be read");
  SHOAL_CHECK(again.members.size() == history.members.size(), "a member was lost");
  SHOAL_CHECK(again.rounds.size() == history.rounds.size(), "a round was lost");
  SHOAL_CHECK(again.notes == history.notes, "a note was lost");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const shoal::ByteView bytes(reinterpret_cast<const std::byte*>(data) + 1, size - 1);
  switch (data[0] % 3) {
    case 0:
      check_log(bytes);
      break;
    case 1:
      check_log(made_right(bytes, data[0] / 3));
      break;
    default:
      check_record(data[0] / 3 % 6, bytes);
  }
  return 0;
}
