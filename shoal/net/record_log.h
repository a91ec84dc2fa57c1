// RecordLog: an append-only file of records, the journal of a process that must survive kill -9.
//
// The file, little-endian:
//
//   head     8 bytes "shoallog", u32 format (1), u32 length of the run's id, the id,
//            u32 CRC-32C of all that
//   record   u32 CRC-32C of the next 20 bytes, u32 CRC-32C of the payload, u32 length, u32 type,
//            u64 number (1, 2, 3, ...), the payload                 24 bytes + payload
//
// append() writes one record in one piece and syncs it before it returns, so a crash can spoil
// only the last one. That gives two cases that reading keeps apart:
//
//   torn tail    in the bytes after the last good record no later one begins, and they are no more
//                than one record can be: an append that never returned. They are left out, their
//                number is told, and they are cut off before anything is appended.
//   corruption   a bad record with a later one after it, or more bad bytes than one record has:
//                what was written is lost or changed. An error that names the offset.
//
// An append that failed leaves the log as it was: what it may have written is cut off first thing
// when the next one begins, so it works again once the disk has room. rewrite() replaces the
// whole file atomically, for logs that hold records nobody needs any more.
//
// Costs one sync an append; reading holds the file in memory once.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shoal/net/disk.h"

namespace shoal {

struct LogRecord {
  std::uint32_t type = 0;
  ByteView payload;  // of at most kJournalRecordBytesMax
};

// What a file holds; views into it.
struct LogContents {
  std::vector<LogRecord> records;
  std::uint64_t good_bytes = 0;  // the head and all good records
  std::uint64_t torn_bytes = 0;  // after them
};

// Trusts nothing: time O(n) and memory for one LogRecord per 24 bytes, whatever the bytes are.
Result<LogContents> parse_log(ByteView file, std::string_view run);

// The bytes parse_log() reads back.
Bytes log_head(std::string_view run);
Bytes log_record(std::uint64_t number, const LogRecord& record);

class RecordLog {
 public:
  // A file and what is in it.
  struct Contents : LogContents {
    Bytes file;
  };

  // The log `folder`/`name` of run `run`. Touches no disk before it is used.
  RecordLog(Disk& disk, std::string folder, std::string name, std::string run);

  // All good records; kNotFound when there is no file. Must come before append() on a log that is
  // already there.
  Result<Contents> read();
  // Cuts off what a failed append left, and puts a rewritten file safely in place; append() does so
  // by itself.
  Status prepare();
  // Durable when it returns ok. After an error the record may or may not be there after a crash,
  // and is not there after the next append().
  Status append(const LogRecord& record);
  // Durable when it returns ok: the log holds these records and no others. After an error it holds
  // the old ones or these, and append() finishes the job before it appends.
  Status rewrite(std::span<const LogRecord> records);

  std::uint64_t size_bytes() const { return good_bytes_; }

 private:
  std::string path() const { return path_in(folder_, name_); }
  Status cut_tail();

  Disk& disk_;
  std::string folder_;
  std::string name_;
  std::string run_;
  std::unique_ptr<DiskFile> file_;
  std::uint64_t good_bytes_ = 0;
  std::uint64_t next_number_ = 1;
  bool tail_dirty_ = false;       // bytes beyond good_bytes_ may be there
  bool place_uncertain_ = false;  // a rewritten file may or may not have the name after a crash
};

}  // namespace shoal
