#include "shoal/net/disk.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "shoal/net/limits.h"

namespace shoal {
namespace {

Error system_error(const std::string& what, const std::string& path) {
  const int number = errno;
  std::string message = fmt::format("cannot {} {}: {}", what, path, std::strerror(number));
  if (number == ENOENT) return not_found(std::move(message));
  if (number == ENOSPC || number == EDQUOT || number == EFBIG) return no_space(std::move(message));
  return io_error(std::move(message));
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;

  int get() const { return fd_; }
  bool open() const { return fd_ >= 0; }
  // False when the system reports a failed write only here. Not tried again after EINTR: Linux
  // has closed the descriptor all the same.
  bool close() { return ::close(std::exchange(fd_, -1)) == 0 || errno == EINTR; }

 private:
  int fd_;
};

Descriptor open_path(const std::string& path, int flags) {
  int fd = -1;
  do fd = ::open(path.c_str(), flags | O_CLOEXEC, 0644);
  while (fd < 0 && errno == EINTR);
  return Descriptor(fd);
}

bool sync_descriptor(const Descriptor& file, int (*sync)(int)) {
  int answer = 0;
  do answer = sync(file.get());
  while (answer != 0 && errno == EINTR);
  return answer == 0;
}

class PosixFile : public DiskFile {
 public:
  PosixFile(std::string path, Descriptor file) : path_(std::move(path)), file_(std::move(file)) {}

  Status write(ByteView bytes) override {
    while (!bytes.empty()) {
      const ssize_t written =
          ::write(file_.get(), bytes.data(), std::min(bytes.size(), kDiskWriteBytesMax));
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return system_error("write", path_);
      if (written == 0) return io_error(fmt::format("cannot write {}: nothing was taken", path_));
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
    return ok_status();
  }
  // fdatasync flushes the size too when it has grown, which is all that reading needs.
  Status sync() override {
    if (!sync_descriptor(file_, ::fdatasync)) return system_error("sync", path_);
    return ok_status();
  }
  Status close() override {
    if (file_.open() && !file_.close()) return system_error("close", path_);
    return ok_status();
  }

 private:
  std::string path_;
  Descriptor file_;
};

class PosixLock : public DiskLock {
 public:
  explicit PosixLock(Descriptor file) : file_(std::move(file)) {}

 private:
  Descriptor file_;
};

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Status read_all(const Descriptor& file, const std::string& path, Bytes& bytes) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    const ssize_t count = ::read(file.get(), bytes.data() + at, bytes.size() - at);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_error("read", path);
    if (count == 0) return io_error(fmt::format("{} shrank while it was read", path));
    at += static_cast<std::size_t>(count);
  }
  return ok_status();
}

class PosixDisk : public Disk {
 public:
  Status make_folder(const std::string& path) override {
    std::size_t end = 0;
    while (end != std::string::npos) {
      end = path.find('/', end + 1);
      const std::string folder = path.substr(0, end);
      const bool made = ::mkdir(folder.c_str(), 0755) == 0;
      if (!made && errno != EEXIST) return system_error("make folder", folder);
      // The last one is synced even if it was there: who made it may have died before.
      if (made || end == std::string::npos) SHOAL_TRY_STATUS(sync_folder(parent_of(folder)));
    }
    const Descriptor folder = open_path(path, O_RDONLY | O_DIRECTORY);
    if (!folder.open()) return system_error("open folder", path);
    return ok_status();
  }

  Status sync_folder(const std::string& path) override {
    const Descriptor folder = open_path(path, O_RDONLY | O_DIRECTORY);
    if (!folder.open()) return system_error("open folder", path);
    if (!sync_descriptor(folder, ::fsync)) return system_error("sync folder", path);
    return ok_status();
  }

  Result<std::vector<std::string>> list(const std::string& folder) override {
    const std::unique_ptr<DIR, int (*)(DIR*)> open(::opendir(folder.c_str()), ::closedir);
    if (!open) return system_error("list folder", folder);
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = ::readdir(open.get())) {
      const std::string name = entry->d_name;
      if (name != "." && name != "..") names.push_back(name);
      errno = 0;
    }
    if (errno != 0) return system_error("list folder", folder);
    std::sort(names.begin(), names.end());
    return names;
  }

  Result<Bytes> read(const std::string& path, std::uint64_t bytes_max) override {
    const Descriptor file = open_path(path, O_RDONLY | O_NONBLOCK);
    if (!file.open()) return system_error("open", path);
    SHOAL_TRY(const std::uint64_t size, size_of(file, path));
    if (size > bytes_max)
      return limit_exceeded(
          fmt::format("{} has {} bytes; at most {} are read", path, size, bytes_max));
    Bytes bytes(size);
    SHOAL_TRY_STATUS(read_all(file, path, bytes));
    return bytes;
  }

  Result<std::uint64_t> size(const std::string& path) override {
    const Descriptor file = open_path(path, O_RDONLY | O_NONBLOCK);
    if (!file.open()) return system_error("open", path);
    return size_of(file, path);
  }

  Result<std::unique_ptr<DiskFile>> create(const std::string& path) override {
    return opened(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, "create");
  }
  Result<std::unique_ptr<DiskFile>> append(const std::string& path) override {
    return opened(path, O_WRONLY | O_APPEND, "open");
  }

  Status cut(const std::string& path, std::uint64_t size_bytes) override {
    int answer = 0;
    do answer = ::truncate(path.c_str(), static_cast<off_t>(size_bytes));
    while (answer != 0 && errno == EINTR);
    if (answer != 0) return system_error("cut", path);
    return ok_status();
  }
  Status rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return system_error("rename", from);
    return ok_status();
  }
  Status remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0) return system_error("remove", path);
    return ok_status();
  }

  Result<std::unique_ptr<DiskLock>> lock(const std::string& path) override {
    Descriptor file = open_path(path, O_RDWR | O_CREAT);
    if (!file.open()) return system_error("open", path);
    if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) return system_error("lock", path);
      return io_error(fmt::format("another process holds {}; stop it first", path));
    }
    return std::unique_ptr<DiskLock>(std::make_unique<PosixLock>(std::move(file)));
  }

 private:
  static Result<std::uint64_t> size_of(const Descriptor& file, const std::string& path) {
    struct stat info {};
    if (::fstat(file.get(), &info) != 0) return system_error("read", path);
    if (!S_ISREG(info.st_mode)) return invalid_argument(fmt::format("{} is not a file", path));
    return static_cast<std::uint64_t>(info.st_size);
  }
  static Result<std::unique_ptr<DiskFile>> opened(const std::string& path, int flags,
                                                  const std::string& what) {
    Descriptor file = open_path(path, flags);
    if (!file.open()) return system_error(what, path);
    return std::unique_ptr<DiskFile>(std::make_unique<PosixFile>(path, std::move(file)));
  }
};

}  // namespace

Disk& real_disk() {
  static PosixDisk disk;
  return disk;
}

Status remove_if_there(Disk& disk, const std::string& path) {
  Status status = disk.remove(path);
  if (!status.ok() && status.error().code == ErrorCode::kNotFound) return ok_status();
  return status;
}

std::string path_in(const std::string& folder, const std::string& name) {
  return folder + "/" + name;
}

NewFile::NewFile(Disk& disk, std::string folder, const std::string& name)
    : disk_(disk),
      folder_(std::move(folder)),
      path_(path_in(folder_, name)),
      temporary_(path_ + std::string(kTemporaryEnding)) {
  auto file = disk_.create(temporary_);
  if (!file.ok()) {
    status_ = file.error();
    return;
  }
  temporary_stands_ = true;
  file_ = std::move(*file);
}

NewFile::~NewFile() {
  file_.reset();
  // A temporary that cannot be removed is overwritten next time.
  if (temporary_stands_) (void)disk_.remove(temporary_).ok();
}

void NewFile::write(ByteView bytes) {
  while (status_.ok() && !bytes.empty()) {
    const ByteView piece = bytes.first(std::min(bytes.size(), kDiskWriteBytesMax));
    status_ = file_->write(piece);
    bytes = bytes.subspan(piece.size());
  }
}

Status NewFile::finish_writing() {
  if (status_.ok()) status_ = file_->sync();
  if (status_.ok()) status_ = file_->close();
  return status_;
}

Status NewFile::put_in_place() {
  SHOAL_CHECK(status_.ok() && temporary_stands_, "put_in_place() follows finish_writing()");
  SHOAL_TRY_STATUS(disk_.rename(temporary_, path_));
  temporary_stands_ = false;
  return disk_.sync_folder(folder_);
}

}  // namespace shoal
