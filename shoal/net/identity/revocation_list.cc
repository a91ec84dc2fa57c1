#include "shoal/net/identity/revocation_list.h"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <fmt/format.h>
#include <sys/stat.h>

#include "shoal/base/file.h"
#include "shoal/net/limits.h"
#include "shoal/net/roster.h"

namespace shoal {
namespace {

constexpr std::string_view kFirstLine = "# shoal revocation list 1";

// The text up to `end`, which is taken off too.
std::string_view take_until(std::string_view& text, char end) {
  const std::size_t at = text.find(end);
  const std::string_view taken = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return taken;
}

Result<RevokedKey> parse_line(std::string_view line) {
  RevokedKey revoked;
  SHOAL_TRY(revoked.key, digest_from_hex(take_until(line, ' ')));
  const std::string_view since = take_until(line, ' ');
  const auto [end, code] =
      std::from_chars(since.data(), since.data() + since.size(), revoked.since_unix_s);
  if (code != std::errc{} || end != since.data() + since.size())
    return corrupt("after the key comes the time in unix seconds");
  if (!is_member_name(line)) return corrupt("after the time comes the name");
  revoked.name = line;
  return revoked;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

Result<Digest> digest_from_hex(std::string_view text) {
  Digest digest;
  if (text.size() != 2 * digest.size()) return corrupt("a digest has 64 hexadecimal digits");
  for (std::size_t i = 0; i < digest.size(); ++i) {
    const int high = hex_value(text[2 * i]);
    const int low = hex_value(text[2 * i + 1]);
    if (high < 0 || low < 0) return corrupt("a digest has 64 hexadecimal digits, 0-9 and a-f");
    digest[i] = static_cast<std::byte>(high * 16 + low);
  }
  return digest;
}

Result<std::vector<RevokedKey>> parse_revocations(std::string_view text) {
  if (take_until(text, '\n') != kFirstLine)
    return corrupt(fmt::format("no revocation list: its first line is not '{}'", kFirstLine));
  std::vector<RevokedKey> revoked;
  for (std::size_t number = 2; !text.empty(); ++number) {
    const std::string_view line = take_until(text, '\n');
    if (line.empty() || line.front() == '#') continue;
    auto entry = parse_line(line);
    if (!entry.ok()) return within(fmt::format("line {}", number), entry.error());
    revoked.push_back(*std::move(entry));
  }
  return revoked;
}

std::string revocations_text(const std::vector<RevokedKey>& revoked) {
  std::string text(kFirstLine);
  text += '\n';
  for (const RevokedKey& entry : revoked)
    text += fmt::format("{} {} {}\n", hex(entry.key), entry.since_unix_s, entry.name);
  return text;
}

RevocationList::RevocationList(std::string path, Clock clock,
                               std::function<void(const Error&)> on_trouble)
    : path_(std::move(path)),
      clock_(std::move(clock)),
      on_trouble_(std::move(on_trouble)),
      looked_s_(clock_()) {}

Result<std::unique_ptr<RevocationList>> RevocationList::open(
    std::string path, Clock clock, std::function<void(const Error&)> on_trouble) {
  std::unique_ptr<RevocationList> list(
      new RevocationList(std::move(path), std::move(clock), std::move(on_trouble)));
  SHOAL_TRY_STATUS(list->read_if_changed());
  return list;
}

Result<RevocationList::Stamp> RevocationList::stamp_of(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0)
    return io_error(
        fmt::format("cannot read the revocation list {}: {}", path, std::strerror(errno)));
  return Stamp{
      info.st_ino, static_cast<std::uint64_t>(info.st_size),
      static_cast<std::int64_t>(info.st_mtim.tv_sec) * 1'000'000'000 + info.st_mtim.tv_nsec};
}

Status RevocationList::read_if_changed() {
  SHOAL_TRY(const Stamp stamp, stamp_of(path_));
  if (stamp == stamp_) return ok_status();
  SHOAL_TRY(const std::string text, read_text_file(path_, kRevocationListBytesMax));
  const auto revoked = parse_revocations(text);
  if (!revoked.ok()) return within(path_, revoked.error());
  std::set<Digest> keys;
  for (const RevokedKey& entry : *revoked) keys.insert(entry.key);
  keys_ = std::move(keys);
  stamp_ = stamp;
  return ok_status();
}

bool RevocationList::is_revoked(const Digest& key) {
  const std::lock_guard lock(mutex_);
  const double now_s = clock_();
  if (now_s - looked_s_ >= kRevocationCheck_s) {
    looked_s_ = now_s;
    const Status status = read_if_changed();
    if (!status.ok() && !in_trouble_ && on_trouble_)
      on_trouble_(Error{status.error().code,
                        status.error().message + "; the keys that were revoked before stay so"});
    in_trouble_ = !status.ok();
  }
  return keys_.contains(key);
}

}  // namespace shoal
