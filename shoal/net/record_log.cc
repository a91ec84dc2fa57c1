#include "shoal/net/record_log.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <optional>
#include <utility>

#include "shoal/base/crc32c.h"
#include "shoal/net/limits.h"

namespace shoal {
namespace {

constexpr std::string_view kMagic = "shoallog";
constexpr std::uint32_t kFormat = 1;
constexpr std::size_t kRecordHeadBytes = 24;

struct RecordHead {
  std::uint32_t payload_crc = 0;
  std::uint32_t length = 0;
  std::uint32_t type = 0;
  std::uint64_t number = 0;
};

template <class T>
T number_at(ByteView bytes, std::size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof(T));
  return value;
}

// The head of a record at the beginning of `bytes`, if its checksum is right.
std::optional<RecordHead> read_record_head(ByteView bytes) {
  if (bytes.size() < kRecordHeadBytes) return std::nullopt;
  // The cheap test first: this runs at every offset of a torn tail.
  const auto length = number_at<std::uint32_t>(bytes, 8);
  if (length > kJournalRecordBytesMax) return std::nullopt;
  if (number_at<std::uint32_t>(bytes, 0) != crc32c(bytes.subspan(4, kRecordHeadBytes - 4)))
    return std::nullopt;
  return RecordHead{number_at<std::uint32_t>(bytes, 4), length, number_at<std::uint32_t>(bytes, 12),
                    number_at<std::uint64_t>(bytes, 16)};
}

bool payload_is_good(ByteView bytes, const RecordHead& head) {
  const ByteView payload = bytes.subspan(kRecordHeadBytes);
  return head.length <= payload.size() && crc32c(payload.first(head.length)) == head.payload_crc;
}

// Whether a record that was written after number `last` begins anywhere in `bytes`. Its head is
// proof enough (by chance one in 2^32 checks out), and looking no further keeps this O(n).
bool later_record_in(ByteView bytes, std::uint64_t last) {
  for (std::size_t at = 0; at + kRecordHeadBytes <= bytes.size(); ++at) {
    const auto head = read_record_head(bytes.subspan(at));
    if (head && head->number > last) return true;
  }
  return false;
}

Status read_head(ByteReader& in, std::string_view run) {
  const Error foreign = corrupt("this is not a shoal journal, or its first bytes were changed");
  const auto magic = in.raw(kMagic.size());
  if (!magic.ok() || as_text(*magic) != kMagic) return foreign;
  const auto format = in.number<std::uint32_t>();
  const auto id = in.text(kRunIdBytesMax);
  if (!format.ok() || !id.ok()) return foreign;
  const std::size_t head_bytes = in.offset();
  const auto crc = in.number<std::uint32_t>();
  if (!crc.ok()) return foreign;
  ByteWriter again;
  again.raw(as_bytes(kMagic));
  again.number<std::uint32_t>(*format);
  again.text(*id);
  SHOAL_CHECK(again.size() == head_bytes, "a head has one spelling");
  if (crc32c(again.bytes()) != *crc) return foreign;
  if (*format != kFormat)
    return unsupported(fmt::format(
        "the journal has format {} and this shoal reads {}; use the shoal that wrote it", *format,
        kFormat));
  if (*id != run)
    return invalid_argument(fmt::format(
        "the journal belongs to run '{}', not to '{}'; give that run its own folder", *id, run));
  return ok_status();
}

Error bad_record(std::uint64_t offset, std::string_view what) {
  return corrupt(
      fmt::format("the journal's record at offset {} is damaged: {}; restore the file from a copy",
                  offset, what));
}

// Collects pieces so that a rewritten log costs one call a megabyte.
class PieceWriter {
 public:
  explicit PieceWriter(NewFile& file) : file_(file) {}
  void write(ByteView bytes) {
    pending_.insert(pending_.end(), bytes.begin(), bytes.end());
    written_ += bytes.size();
    if (pending_.size() >= kDiskWriteBytesMax) flush();
  }
  void flush() {
    file_.write(pending_);
    pending_.clear();
  }
  std::uint64_t written() const { return written_; }

 private:
  NewFile& file_;
  Bytes pending_;
  std::uint64_t written_ = 0;
};

}  // namespace

Result<LogContents> parse_log(ByteView file, std::string_view run) {
  ByteReader in(file);
  SHOAL_TRY_STATUS(read_head(in, run));
  LogContents contents;
  std::size_t at = in.offset();
  std::uint64_t last = 0;
  while (at < file.size()) {
    const ByteView rest = file.subspan(at);
    const auto head = read_record_head(rest);
    if (!head || !payload_is_good(rest, *head)) break;
    if (head->number != last + 1)
      return bad_record(at, fmt::format("number {} follows number {}", head->number, last));
    contents.records.push_back({head->type, rest.subspan(kRecordHeadBytes, head->length)});
    last = head->number;
    at += kRecordHeadBytes + head->length;
  }
  contents.good_bytes = at;
  contents.torn_bytes = file.size() - at;
  if (contents.torn_bytes > kRecordHeadBytes + kJournalRecordBytesMax)
    return bad_record(
        at, fmt::format("{} bytes that no single record explains follow", contents.torn_bytes));
  if (contents.torn_bytes > 0 && later_record_in(file.subspan(at + 1), last))
    return bad_record(at, "later records follow it");
  return contents;
}

Bytes log_head(std::string_view run) {
  SHOAL_CHECK(run.size() <= kRunIdBytesMax, "the id of a run is short");
  ByteWriter out;
  out.raw(as_bytes(kMagic));
  out.number<std::uint32_t>(kFormat);
  out.text(run);
  out.number<std::uint32_t>(crc32c(out.bytes()));
  return std::move(out).take();
}

Bytes log_record(std::uint64_t number, const LogRecord& record) {
  SHOAL_CHECK(record.payload.size() <= kJournalRecordBytesMax, "a record is bounded");
  ByteWriter head;
  head.number<std::uint32_t>(crc32c(record.payload));
  head.number<std::uint32_t>(static_cast<std::uint32_t>(record.payload.size()));
  head.number<std::uint32_t>(record.type);
  head.number<std::uint64_t>(number);
  ByteWriter out;
  out.reserve(kRecordHeadBytes + record.payload.size());
  out.number<std::uint32_t>(crc32c(head.bytes()));
  out.raw(head.bytes());
  out.raw(record.payload);
  return std::move(out).take();
}

RecordLog::RecordLog(Disk& disk, std::string folder, std::string name, std::string run)
    : disk_(disk), folder_(std::move(folder)), name_(std::move(name)), run_(std::move(run)) {}

Result<RecordLog::Contents> RecordLog::read() {
  Contents contents;
  SHOAL_TRY(contents.file, disk_.read(path(), kJournalBytesMax));
  auto parsed = parse_log(contents.file, run_);
  if (!parsed.ok()) return within(path(), parsed.error());
  static_cast<LogContents&>(contents) = std::move(*parsed);
  good_bytes_ = contents.good_bytes;
  next_number_ = contents.records.size() + 1;
  tail_dirty_ = contents.torn_bytes > 0;
  return contents;
}

Status RecordLog::append(const LogRecord& record) {
  SHOAL_CHECK(next_number_ > 1 || good_bytes_ > 0, "a log is read or rewritten before it grows");
  const Bytes bytes = log_record(next_number_, record);
  if (good_bytes_ + bytes.size() > kJournalBytesMax)
    return limit_exceeded(
        fmt::format("{} would grow beyond {} bytes; go on as a new run from the last model", path(),
                    kJournalBytesMax));
  SHOAL_TRY_STATUS(prepare());
  tail_dirty_ = true;
  SHOAL_TRY_STATUS(file_->write(bytes));
  SHOAL_TRY_STATUS(file_->sync());
  tail_dirty_ = false;
  good_bytes_ += bytes.size();
  ++next_number_;
  return ok_status();
}

// After a rename whose folder could not be synced, a crash may bring back the old file, and with
// it lose what is appended to the new one; so the new one is put in place once more.
Status RecordLog::prepare() {
  if (place_uncertain_) {
    SHOAL_TRY(const Contents contents, read());
    SHOAL_TRY_STATUS(rewrite(contents.records));
  }
  if (tail_dirty_) SHOAL_TRY_STATUS(cut_tail());
  if (!file_) {
    SHOAL_TRY(file_, disk_.append(path()));
  }
  return ok_status();
}

// The cut is synced before anything is written behind it: otherwise a crash could bring back the
// end of the old tail behind a shorter new record.
Status RecordLog::cut_tail() {
  file_.reset();
  SHOAL_TRY_STATUS(disk_.cut(path(), good_bytes_));
  SHOAL_TRY(file_, disk_.append(path()));
  SHOAL_TRY_STATUS(file_->sync());
  tail_dirty_ = false;
  return ok_status();
}

Status RecordLog::rewrite(std::span<const LogRecord> records) {
  NewFile file(disk_, folder_, name_);
  PieceWriter pieces(file);
  pieces.write(log_head(run_));
  std::uint64_t number = 1;
  for (const LogRecord& record : records) pieces.write(log_record(number++, record));
  pieces.flush();
  SHOAL_TRY_STATUS(file.finish_writing());
  file_.reset();
  place_uncertain_ = true;
  SHOAL_TRY_STATUS(file.put_in_place());
  place_uncertain_ = false;
  tail_dirty_ = false;
  good_bytes_ = pieces.written();
  next_number_ = number;
  return ok_status();
}

}  // namespace shoal
