// FaultyDisk: a disk in memory, for tests, that keeps what was synced apart from what was not,
// fails on request, and loses power at any call.
//
//   FaultyDisk disk(seed);
//   disk.lose_power_at(17);          // that call happens or not; all later ones fail
//   ... the program under test runs into errors and gives up ...
//   disk.restart();                  // what was synced is there, the rest as chance will have it
//
// At a restart each write or cut that was not synced is, by chance, kept, dropped, torn (a piece of
// it that begins and ends at any byte is kept) or kept although an earlier one is not, with zeros
// in the gap; and each creation, rename or removal whose folder was not synced has happened or not,
// whatever the others did. A sync that fails with an I/O error loses what it should have written
// for good, although it can be read until the restart: what a page cache does. One that fails for
// lack of space keeps it.
//
// Calls count from 1: every call of Disk and DiskFile but lock(). Folders and locks are simpler
// than real ones: made at once, and free again after a restart.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "shoal/base/random.h"
#include "shoal/net/disk.h"

namespace shoal {

enum class DiskFailure : std::uint8_t {
  kNoSpace,     // nothing is written
  kIo,          // a write may have done a part; a sync loses what it was for
  kShortWrite,  // a write does a part, then the disk is full; for other calls the same as kNoSpace
};

class FaultyDisk : public Disk {
 public:
  explicit FaultyDisk(std::uint64_t seed);
  ~FaultyDisk() override;

  std::uint64_t calls() const { return calls_; }
  void fail_at(std::uint64_t call, DiskFailure failure);
  void lose_power_at(std::uint64_t call);
  bool has_power() const { return has_power_; }
  // The crash, then a disk that works: nothing is set to fail any more, calls count from 1 again.
  void restart();
  // Bytes that all files together may hold; a write beyond it does the part that fits.
  void set_capacity(std::uint64_t bytes) { capacity_bytes_ = bytes; }
  // Syncs of files and folders whose path ends so say ok and do nothing: the mistake that a test of
  // durability must catch.
  void ignore_syncs_of(std::string path_ending) { unsynced_ending_ = std::move(path_ending); }

  // Behind the back of the program: what a file holds, and to change it durably.
  std::optional<Bytes> content(const std::string& path) const;
  void put(const std::string& path, Bytes bytes);

  Status make_folder(const std::string& path) override;
  Status sync_folder(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& folder) override;
  Result<Bytes> read(const std::string& path, std::uint64_t bytes_max) override;
  Result<std::uint64_t> size(const std::string& path) override;
  Result<std::unique_ptr<DiskFile>> create(const std::string& path) override;
  Result<std::unique_ptr<DiskFile>> append(const std::string& path) override;
  Status cut(const std::string& path, std::uint64_t size_bytes) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Result<std::unique_ptr<DiskLock>> lock(const std::string& path) override;

 private:
  class File;
  class Lock;

  // What a file was told to do since it was last synced.
  struct Change {
    std::uint64_t offset = 0;
    Bytes bytes;
    bool cut = false;   // to `offset`, instead of a write
    bool lost = false;  // never reaches the disk
  };
  struct Inode {
    Bytes durable;
    Bytes current;
    std::vector<Change> changes;
  };
  using Names = std::map<std::string, std::shared_ptr<Inode>>;
  // A change of names, all of it or nothing.
  struct NameChange {
    std::string folder;
    std::string erased;  // empty: none
    std::string set;     // empty: none
    std::shared_ptr<Inode> inode;
  };

  // Counts a call. The failure it shall end with, if any; `happens` tells whether it has its effect
  // all the same.
  std::optional<Error> begin(const std::string& what, const std::string& path, bool& happens);
  Status write(Inode& inode, const std::string& path, ByteView bytes);
  Status sync(Inode& inode, const std::string& path);
  void add_bytes(Inode& inode, ByteView bytes);
  void change_names(NameChange change);
  void crash(Inode& inode);
  std::uint64_t used_bytes() const;
  bool ignores_sync_of(const std::string& path) const {
    return unsynced_ending_ && path.ends_with(*unsynced_ending_);
  }

  RandomStream random_;
  std::uint64_t calls_ = 0;
  std::optional<std::uint64_t> power_fails_at_;
  std::map<std::uint64_t, DiskFailure> failures_;
  std::optional<DiskFailure> failure_;  // of the call in progress
  std::uint64_t capacity_bytes_ = ~std::uint64_t{0};
  std::uint64_t boots_ = 0;  // handles and locks of an earlier one are dead
  bool has_power_ = true;
  std::optional<std::string> unsynced_ending_;
  Names durable_;
  Names current_;
  std::vector<NameChange> name_changes_;
  std::set<std::string> folders_;
  std::set<std::string> locked_;
};

}  // namespace shoal
