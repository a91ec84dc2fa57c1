// Disk: the few calls that durability rests on, real (POSIX) or made to fail (faulty_disk.h).
//
// What a caller may rely on after the power fails:
//
//   bytes written      only after DiskFile::sync() of that file has returned ok
//   a name             a created, renamed or removed file has its new name, or none, only after
//                      sync_folder() of its folder; until then the old or the new name may stand
//   a folder           once make_folder() has returned ok
//
// A write or sync that failed leaves an unknown part of what was written: cut the file back to what
// was synced before, or throw it away. Asking for the same sync again proves nothing, because a
// system may drop the pages it could not write.
//
// Errors name the path and the system's reason; kNoSpace is a full disk or quota, kNotFound a
// missing file, kLimit a file larger than the caller reads, kIo everything else.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "shoal/base/bytes.h"

namespace shoal {

// A file open for appending. Closed when destroyed; close() also tells what the system says.
class DiskFile {
 public:
  virtual ~DiskFile() = default;
  // All of the bytes, at the end of the file, or an error.
  virtual Status write(ByteView bytes) = 0;
  virtual Status sync() = 0;
  virtual Status close() = 0;
};

// Held until destroyed, or until the process ends however it ends.
class DiskLock {
 public:
  virtual ~DiskLock() = default;
};

class Disk {
 public:
  virtual ~Disk() = default;

  // With its parents; one that is there already is fine.
  virtual Status make_folder(const std::string& path) = 0;
  virtual Status sync_folder(const std::string& path) = 0;
  // Names of the files in the folder, sorted, without their path.
  virtual Result<std::vector<std::string>> list(const std::string& folder) = 0;

  // The whole file. Refuses one of more than bytes_max before it allocates anything.
  virtual Result<Bytes> read(const std::string& path, std::uint64_t bytes_max) = 0;
  virtual Result<std::uint64_t> size(const std::string& path) = 0;

  // A new, empty file in place of what was there.
  virtual Result<std::unique_ptr<DiskFile>> create(const std::string& path) = 0;
  // The end of a file that is there.
  virtual Result<std::unique_ptr<DiskFile>> append(const std::string& path) = 0;
  // Drops what lies beyond size_bytes. Durable after a later sync() of the file.
  virtual Status cut(const std::string& path, std::uint64_t size_bytes) = 0;
  virtual Status rename(const std::string& from, const std::string& to) = 0;
  virtual Status remove(const std::string& path) = 0;

  // Refuses, at once, what another process or another owner here holds.
  virtual Result<std::unique_ptr<DiskLock>> lock(const std::string& path) = 0;
};

// The disk of this machine.
Disk& real_disk();

// Removes the file if it is there.
Status remove_if_there(Disk& disk, const std::string& path);

// A file of `folder` that is written beside its final name and takes its place only when whole:
// whatever happens, the name holds all of the old content or all of the new.
//
//   NewFile file(disk, folder, "journal");
//   file.write(bytes); ...
//   file.finish_writing();   // synced under the temporary name; the old content still stands
//   file.put_in_place();     // durable when it returns ok; on an error either content may stand
//
// The first error sticks and is what finish_writing() returns. Dropping it unfinished removes the
// temporary file.
class NewFile {
 public:
  NewFile(Disk& disk, std::string folder, const std::string& name);
  ~NewFile();
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  void write(ByteView bytes);
  Status finish_writing();
  Status put_in_place();

 private:
  Disk& disk_;
  std::string folder_;
  std::string path_;
  std::string temporary_;
  std::unique_ptr<DiskFile> file_;
  Status status_;
  bool temporary_stands_ = false;
};

// The ending of temporary names; files left with it by a crash are rubbish.
inline constexpr std::string_view kTemporaryEnding = ".tmp";

std::string path_in(const std::string& folder, const std::string& name);

}  // namespace shoal
