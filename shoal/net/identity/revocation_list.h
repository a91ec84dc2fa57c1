// RevocationList: the keys that are no longer admitted, from a text file that an operator copies to
// wherever a gate stands.
//
// The file: a line "# shoal revocation list 1", then for every key a line of 64 hexadecimal digits
// (SHA-256 of the public key), the time in unix seconds and the name it was issued to. It is read
// again when it has changed, looked at no more often than every kRevocationCheck_s. A file that
// cannot be read any more, or has become unreadable text, leaves the last good list in force.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "shoal/base/result.h"
#include "shoal/base/sha256.h"

namespace shoal {

struct RevokedKey {
  Digest key{};
  std::int64_t since_unix_s = 0;
  std::string name;
};

Result<std::vector<RevokedKey>> parse_revocations(std::string_view text);
std::string revocations_text(const std::vector<RevokedKey>& revoked);

// 64 hexadecimal digits, lower case.
Result<Digest> digest_from_hex(std::string_view text);

// Thread-safe.
class RevocationList {
 public:
  using Clock = std::function<double()>;  // monotonic seconds

  // Fails when the file cannot be read now. `on_trouble` hears of every later failure once, until
  // the list can be read again; it is called from inside is_revoked().
  static Result<std::unique_ptr<RevocationList>> open(std::string path, Clock clock,
                                                      std::function<void(const Error&)> on_trouble);

  bool is_revoked(const Digest& key);

 private:
  // Changes when the file does: it is replaced by renaming, so at least its number does.
  struct Stamp {
    std::uint64_t file = 0;
    std::uint64_t size_bytes = 0;
    std::int64_t changed_ns = 0;
    bool operator==(const Stamp&) const = default;
  };
  RevocationList(std::string path, Clock clock, std::function<void(const Error&)> on_trouble);
  static Result<Stamp> stamp_of(const std::string& path);
  Status read_if_changed();

  const std::string path_;
  const Clock clock_;
  const std::function<void(const Error&)> on_trouble_;
  std::mutex mutex_;
  double looked_s_ = 0.0;
  Stamp stamp_;
  bool in_trouble_ = false;
  std::set<Digest> keys_;
};

}  // namespace shoal
