#include "shoal/base/file.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace shoal {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  // Closes now; false when the system reports a failed write only here.
  bool close() {
    const int fd = fd_;
    fd_ = -1;
    return ::close(fd) == 0;
  }

 private:
  int fd_;
};

Error system_error(const std::string& what, const std::string& path) {
  const int number = errno;
  const std::string message = fmt::format("cannot {} {}: {}", what, path, std::strerror(number));
  return number == ENOENT ? not_found(message) : io_error(message);
}

Status write_all(int fd, ByteView bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return system_error("write", path);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return ok_status();
}

// `if_there`: O_TRUNC or O_EXCL.
Status write_and_sync(const std::string& path, ByteView bytes, ::mode_t mode, int if_there) {
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | if_there, mode));
  if (file.get() < 0) return system_error("create", path);
  SHOAL_TRY_STATUS(write_all(file.get(), bytes, path));
  if (::fsync(file.get()) != 0) return system_error("sync", path);
  if (!file.close()) return system_error("close", path);
  return ok_status();
}

Status write_atomically(const std::string& path, ByteView bytes, ::mode_t mode, int if_there) {
  const std::string temporary = path + ".tmp";
  if (auto status = write_and_sync(temporary, bytes, mode, if_there); !status.ok()) {
    ::unlink(temporary.c_str());
    return status;
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    const Error error = system_error("rename", temporary);
    ::unlink(temporary.c_str());
    return error;
  }
  std::string folder = std::filesystem::path(path).parent_path().string();
  if (folder.empty()) folder = ".";
  Descriptor parent(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (parent.get() < 0) return system_error("open folder", folder);
  if (::fsync(parent.get()) != 0) return system_error("sync folder", folder);
  return ok_status();
}

}  // namespace

Result<Bytes> read_file(const std::string& path, std::uint64_t max_bytes) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return system_error("open", path);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return system_error("read", path);
  if (!S_ISREG(info.st_mode)) return invalid_argument(fmt::format("{} is not a file", path));
  const auto size = static_cast<std::uint64_t>(info.st_size);
  if (size > max_bytes)
    return limit_exceeded(
        fmt::format("{} has {} bytes; at most {} are read", path, size, max_bytes));
  Bytes bytes(size);
  std::size_t at = 0;
  while (at < bytes.size()) {
    const ssize_t count = ::read(file.get(), bytes.data() + at, bytes.size() - at);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_error("read", path);
    if (count == 0) return io_error(fmt::format("{} shrank while it was read", path));
    at += static_cast<std::size_t>(count);
  }
  return bytes;
}

Result<std::string> read_text_file(const std::string& path, std::uint64_t max_bytes) {
  SHOAL_TRY(const Bytes bytes, read_file(path, max_bytes));
  return std::string(as_text(bytes));
}

Status write_file_atomically(const std::string& path, ByteView bytes) {
  return write_atomically(path, bytes, 0644, O_TRUNC);
}

Status write_file_atomically(const std::string& path, const std::string& text) {
  return write_file_atomically(path, as_bytes(text));
}

Status write_private_file_atomically(const std::string& path, const std::string& text) {
  // A temporary that was left behind may be readable by others.
  ::unlink((path + ".tmp").c_str());
  return write_atomically(path, as_bytes(text), 0600, O_EXCL);
}

Status make_folders(const std::string& path) {
  std::error_code code;
  std::filesystem::create_directories(path, code);
  if (code) return io_error(fmt::format("cannot make folder {}: {}", path, code.message()));
  return ok_status();
}

}  // namespace shoal
