#include "shoal/net/faulty_disk.h"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

namespace shoal {
namespace {

std::string folder_of(const std::string& path) { return path.substr(0, path.find_last_of('/')); }

void write_at(Bytes& bytes, std::uint64_t offset, ByteView piece) {
  if (piece.empty()) return;
  if (bytes.size() < offset + piece.size()) bytes.resize(offset + piece.size());
  std::copy(piece.begin(), piece.end(), bytes.begin() + static_cast<std::ptrdiff_t>(offset));
}

}  // namespace

class FaultyDisk::File : public DiskFile {
 public:
  File(FaultyDisk& disk, std::string path, std::shared_ptr<Inode> inode)
      : disk_(disk), boot_(disk.boots_), path_(std::move(path)), inode_(std::move(inode)) {}

  Status write(ByteView bytes) override {
    if (boot_ != disk_.boots_) return io_error("a file of before the restart");
    return disk_.write(*inode_, path_, bytes);
  }
  Status sync() override {
    if (boot_ != disk_.boots_) return io_error("a file of before the restart");
    return disk_.sync(*inode_, path_);
  }
  Status close() override {
    bool happens = true;
    if (auto error = disk_.begin("close", path_, happens)) return *error;
    return ok_status();
  }

 private:
  FaultyDisk& disk_;
  std::uint64_t boot_;
  std::string path_;
  std::shared_ptr<Inode> inode_;
};

class FaultyDisk::Lock : public DiskLock {
 public:
  Lock(FaultyDisk& disk, std::string path)
      : disk_(disk), boot_(disk.boots_), path_(std::move(path)) {}
  ~Lock() override {
    if (boot_ == disk_.boots_) disk_.locked_.erase(path_);
  }

 private:
  FaultyDisk& disk_;
  std::uint64_t boot_;
  std::string path_;
};

FaultyDisk::FaultyDisk(std::uint64_t seed) : random_(seed, purpose("faulty disk")) {}
FaultyDisk::~FaultyDisk() = default;

void FaultyDisk::fail_at(std::uint64_t call, DiskFailure failure) { failures_[call] = failure; }
void FaultyDisk::lose_power_at(std::uint64_t call) { power_fails_at_ = call; }

std::optional<Bytes> FaultyDisk::content(const std::string& path) const {
  const auto at = current_.find(path);
  if (at == current_.end()) return std::nullopt;
  return at->second->current;
}

void FaultyDisk::put(const std::string& path, Bytes bytes) {
  auto inode = std::make_shared<Inode>();
  inode->durable = bytes;
  inode->current = std::move(bytes);
  folders_.insert(folder_of(path));
  durable_[path] = inode;
  current_[path] = inode;
}

std::optional<Error> FaultyDisk::begin(const std::string& what, const std::string& path,
                                       bool& happens) {
  ++calls_;
  failure_.reset();
  if (!has_power_ || calls_ == power_fails_at_) {
    happens = has_power_ && random_.below(2) == 0;
    has_power_ = false;
    return io_error(fmt::format("cannot {} {}: no power", what, path));
  }
  happens = false;
  if (const auto at = failures_.find(calls_); at != failures_.end()) {
    failure_ = at->second;
    if (*failure_ == DiskFailure::kIo)
      return io_error(fmt::format("cannot {} {}: Input/output error", what, path));
    return no_space(fmt::format("cannot {} {}: No space left on device", what, path));
  }
  happens = true;
  return std::nullopt;
}

void FaultyDisk::add_bytes(Inode& inode, ByteView bytes) {
  inode.changes.push_back({inode.current.size(), Bytes(bytes.begin(), bytes.end())});
  inode.current.insert(inode.current.end(), bytes.begin(), bytes.end());
}

Status FaultyDisk::write(Inode& inode, const std::string& path, ByteView bytes) {
  bool happens = true;
  const auto error = begin("write", path, happens);
  std::size_t done = happens ? bytes.size() : 0;
  if (failure_ == DiskFailure::kShortWrite || failure_ == DiskFailure::kIo)
    done = static_cast<std::size_t>(random_.below(bytes.size() + 1));
  const std::uint64_t used = used_bytes();
  const std::uint64_t left = capacity_bytes_ > used ? capacity_bytes_ - used : 0;
  const bool fits = done <= left;
  add_bytes(inode, bytes.first(fits ? done : static_cast<std::size_t>(left)));
  if (error) return *error;
  if (!fits) return no_space(fmt::format("cannot write {}: No space left on device", path));
  return ok_status();
}

Status FaultyDisk::sync(Inode& inode, const std::string& path) {
  bool happens = true;
  const auto error = begin("sync", path, happens);
  if (failure_ == DiskFailure::kIo)
    for (Change& change : inode.changes) change.lost = true;
  if (happens && !ignores_sync_of(path)) {
    for (const Change& change : inode.changes) {
      if (change.lost) continue;
      if (change.cut) inode.durable.resize(change.offset);
      write_at(inode.durable, change.offset, change.bytes);
    }
    std::erase_if(inode.changes, [](const Change& change) { return !change.lost; });
  }
  if (error) return *error;
  return ok_status();
}

Status FaultyDisk::make_folder(const std::string& path) {
  bool happens = true;
  const auto error = begin("make folder", path, happens);
  if (happens) folders_.insert(path);
  if (error) return *error;
  return ok_status();
}

Status FaultyDisk::sync_folder(const std::string& path) {
  bool happens = true;
  const auto error = begin("sync folder", path, happens);
  if (happens && !ignores_sync_of(path)) {
    for (const NameChange& change : name_changes_) {
      if (change.folder != path) continue;
      if (!change.erased.empty()) durable_.erase(change.erased);
      if (!change.set.empty()) durable_[change.set] = change.inode;
    }
    std::erase_if(name_changes_, [&](const NameChange& change) { return change.folder == path; });
  }
  if (error) return *error;
  return ok_status();
}

Result<std::vector<std::string>> FaultyDisk::list(const std::string& folder) {
  bool happens = true;
  if (auto error = begin("list folder", folder, happens)) return *error;
  if (!folders_.contains(folder)) return not_found("cannot list folder " + folder);
  std::vector<std::string> names;
  for (const auto& [path, inode] : current_)
    if (folder_of(path) == folder) names.push_back(path.substr(folder.size() + 1));
  return names;
}

Result<Bytes> FaultyDisk::read(const std::string& path, std::uint64_t bytes_max) {
  bool happens = true;
  if (auto error = begin("open", path, happens)) return *error;
  const auto bytes = content(path);
  if (!bytes) return not_found("cannot open " + path);
  if (bytes->size() > bytes_max)
    return limit_exceeded(fmt::format("{} has {} bytes", path, bytes->size()));
  return *bytes;
}

Result<std::uint64_t> FaultyDisk::size(const std::string& path) {
  bool happens = true;
  if (auto error = begin("open", path, happens)) return *error;
  const auto at = current_.find(path);
  if (at == current_.end()) return not_found("cannot open " + path);
  return at->second->current.size();
}

void FaultyDisk::change_names(NameChange change) {
  if (!change.erased.empty()) current_.erase(change.erased);
  if (!change.set.empty()) current_[change.set] = change.inode;
  name_changes_.push_back(std::move(change));
}

Result<std::unique_ptr<DiskFile>> FaultyDisk::create(const std::string& path) {
  bool happens = true;
  const auto error = begin("create", path, happens);
  if (!error && !folders_.contains(folder_of(path))) return not_found("cannot create " + path);
  if (happens) {
    if (const auto at = current_.find(path); at != current_.end()) {
      at->second->changes.push_back({0, {}, true});
      at->second->current.clear();
    } else {
      change_names({folder_of(path), {}, path, std::make_shared<Inode>()});
    }
  }
  if (error) return *error;
  return std::unique_ptr<DiskFile>(std::make_unique<File>(*this, path, current_.at(path)));
}

Result<std::unique_ptr<DiskFile>> FaultyDisk::append(const std::string& path) {
  bool happens = true;
  if (auto error = begin("open", path, happens)) return *error;
  const auto at = current_.find(path);
  if (at == current_.end()) return not_found("cannot open " + path);
  return std::unique_ptr<DiskFile>(std::make_unique<File>(*this, path, at->second));
}

Status FaultyDisk::cut(const std::string& path, std::uint64_t size_bytes) {
  bool happens = true;
  const auto error = begin("cut", path, happens);
  const auto at = current_.find(path);
  if (!error && at == current_.end()) return not_found("cannot cut " + path);
  if (happens && at != current_.end()) {
    at->second->changes.push_back({size_bytes, {}, true});
    at->second->current.resize(size_bytes);
  }
  if (error) return *error;
  return ok_status();
}

Status FaultyDisk::rename(const std::string& from, const std::string& to) {
  bool happens = true;
  const auto error = begin("rename", from, happens);
  const auto at = current_.find(from);
  if (!error && at == current_.end()) return not_found("cannot rename " + from);
  if (happens && at != current_.end()) change_names({folder_of(to), from, to, at->second});
  if (error) return *error;
  return ok_status();
}

Status FaultyDisk::remove(const std::string& path) {
  bool happens = true;
  const auto error = begin("remove", path, happens);
  if (!error && !current_.contains(path)) return not_found("cannot remove " + path);
  if (happens && current_.contains(path)) change_names({folder_of(path), path, {}, {}});
  if (error) return *error;
  return ok_status();
}

Result<std::unique_ptr<DiskLock>> FaultyDisk::lock(const std::string& path) {
  if (!has_power_) return io_error("cannot lock " + path + ": no power");
  if (!locked_.insert(path).second) return io_error("another process holds " + path);
  return std::unique_ptr<DiskLock>(std::make_unique<Lock>(*this, path));
}

std::uint64_t FaultyDisk::used_bytes() const {
  std::uint64_t sum = 0;
  for (const auto& [path, inode] : current_) sum += inode->current.size();
  return sum;
}

// One law for all changes of a file at one crash, drawn first, so that "all" and "none" are common.
void FaultyDisk::crash(Inode& inode) {
  enum class Law : std::uint8_t { kNone, kAll, kFirstOnes, kAny };
  const Law law = static_cast<Law>(random_.below(4));
  const std::uint64_t whole = random_.below(inode.changes.size() + 1);
  for (std::size_t i = 0; i < inode.changes.size(); ++i) {
    const Change& change = inode.changes[i];
    const std::uint64_t begin = random_.below(change.bytes.size() + 1);
    const std::uint64_t end = begin + random_.below(change.bytes.size() - begin + 1);
    const std::uint64_t fate = random_.below(3);
    const bool all = law == Law::kAll || (law == Law::kFirstOnes && i < whole) ||
                     (law == Law::kAny && fate == 0);
    const bool prefix = law == Law::kFirstOnes && i == whole;
    const bool piece = law == Law::kAny && fate == 1;
    if (change.lost || !(all || prefix || piece)) continue;
    if (change.cut) {
      inode.durable.resize(change.offset);
      continue;
    }
    const ByteView bytes = change.bytes;
    if (all) write_at(inode.durable, change.offset, bytes);
    if (prefix) write_at(inode.durable, change.offset, bytes.first(end));
    if (piece) write_at(inode.durable, change.offset + begin, bytes.subspan(begin, end - begin));
  }
  inode.changes.clear();
  inode.current = inode.durable;
}

void FaultyDisk::restart() {
  const std::uint64_t law = random_.below(3);  // all, none, or each by itself
  for (const NameChange& change : name_changes_) {
    if (const bool heads = random_.below(2) == 0; law == 1 || (law == 2 && heads)) continue;
    if (!change.erased.empty()) durable_.erase(change.erased);
    if (!change.set.empty()) durable_[change.set] = change.inode;
  }
  name_changes_.clear();
  std::set<Inode*> seen;
  for (const auto& [path, inode] : durable_)
    if (seen.insert(inode.get()).second) crash(*inode);
  current_ = durable_;
  locked_.clear();
  failures_.clear();
  power_fails_at_.reset();
  capacity_bytes_ = ~std::uint64_t{0};
  has_power_ = true;
  calls_ = 0;
  ++boots_;
}

}  // namespace shoal
