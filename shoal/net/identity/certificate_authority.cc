#include "shoal/net/identity/certificate_authority.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shoal/base/file.h"
#include "shoal/net/identity/revocation_list.h"
#include "shoal/net/identity/x509.h"
#include "shoal/net/limits.h"
#include "shoal/net/printable.h"
#include "shoal/net/roster.h"

namespace shoal {
namespace {

constexpr std::int64_t kDay_s = 86400;
// A certificate begins that much in the past: clocks of other machines may be late.
constexpr std::int64_t kBackdated_s = 3600;
constexpr std::size_t kHostLengthMax = 253;

// A kit of that name would write over the authority's certificate.
constexpr std::string_view kAuthorityName = "ca";

const std::string kCertificateFile = "/ca.pem";
const std::string kKeyFile = "/ca.key";
const std::string kIssuedFile = "/issued.txt";
const std::string kRevokedFile = "/revoked.txt";

std::string system_reason() { return std::strerror(errno); }

// Holds the folder against a second `shoal ca`.
class FolderLock {
 public:
  static Result<FolderLock> take(const std::string& folder) {
    FolderLock lock(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (lock.fd_ < 0 || ::flock(lock.fd_, LOCK_EX) != 0)
      return io_error(fmt::format("cannot lock the folder {}: {}", folder, system_reason()));
    return lock;
  }
  ~FolderLock() {
    if (fd_ >= 0) ::close(fd_);
  }
  FolderLock(FolderLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FolderLock& operator=(FolderLock&&) = delete;

 private:
  explicit FolderLock(int fd) : fd_(fd) {}
  int fd_;
};

Status check_days(int days) {
  if (days >= 1 && days <= kCertificateDaysMax) return ok_status();
  return invalid_argument(
      fmt::format("{} days: a certificate is valid for 1 to {} days", days, kCertificateDaysMax));
}

bool is_address(const std::string& host) {
  in6_addr address{};
  return ::inet_pton(AF_INET, host.c_str(), &address) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

Status check_host(const std::string& host) {
  const bool is_name =
      !host.empty() && host.size() <= kHostLengthMax && std::ranges::all_of(host, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
      });
  if (is_name || is_address(host)) return ok_status();
  return invalid_argument(
      fmt::format("'{}' is no host: give a DNS name in lower case or an IP address, without port",
                  printable(host)));
}

std::string issued_line(const IssuedCertificate& issued) {
  std::string hosts;
  for (const std::string& host : issued.hosts) hosts += (hosts.empty() ? " " : ",") + host;
  return fmt::format("{} {} {} {} {}{}\n", hex(issued.key), issued.serial,
                     issued.server ? "server" : "member", issued.not_after_unix_s, issued.name,
                     hosts);
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(separator, at), text.size());
    parts.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

Result<IssuedCertificate> parse_issued_line(const std::string& line) {
  const std::vector<std::string> fields = split(line, ' ');
  if (fields.size() < 5 || fields.size() > 6)
    return corrupt("expected: key, serial, role, last second, name, hosts");
  IssuedCertificate issued;
  SHOAL_TRY(issued.key, digest_from_hex(fields[0]));
  issued.serial = fields[1];
  issued.server = fields[2] == "server";
  const char* end = fields[3].data() + fields[3].size();
  if (std::from_chars(fields[3].data(), end, issued.not_after_unix_s).ptr != end)
    return corrupt(fmt::format("'{}' is no time in unix seconds", fields[3]));
  issued.name = fields[4];
  if (fields.size() == 6) issued.hosts = split(fields[5], ',');
  return issued;
}

Result<std::vector<IssuedCertificate>> read_issued(const std::string& folder) {
  SHOAL_TRY(const std::string text, read_text_file(folder + kIssuedFile));
  std::vector<IssuedCertificate> all;
  for (const std::string& line : split(text, '\n')) {
    auto issued = parse_issued_line(line);
    if (!issued.ok())
      return within(fmt::format("{}{} line {}", folder, kIssuedFile, all.size() + 1),
                    issued.error());
    all.push_back(*std::move(issued));
  }
  return all;
}

Result<std::vector<RevokedKey>> read_revoked(const std::string& folder) {
  SHOAL_TRY(const std::string text, read_text_file(folder + kRevokedFile, kRevocationListBytesMax));
  auto revoked = parse_revocations(text);
  if (!revoked.ok()) return within(folder + kRevokedFile, revoked.error());
  return revoked;
}

// Under which names somebody may be called with this certificate.
std::vector<std::string> callable_names(const IssuedCertificate& issued) {
  std::vector<std::string> names = issued.hosts;
  names.push_back(issued.name);
  if (issued.server) names.insert(names.end(), {"localhost", "127.0.0.1", "::1"});
  return names;
}

// A member must not be callable under a server's name, nor a server under a member's.
Status check_roles(const IssuedCertificate& wanted, const std::vector<IssuedCertificate>& all) {
  const std::vector<std::string> names = callable_names(wanted);
  const auto is_wanted = [&](const std::string& name) {
    return std::ranges::find(names, name) != names.end();
  };
  if (!wanted.server && is_wanted("localhost"))
    return invalid_argument(
        "a member cannot be called localhost: servers are reached by that name");
  for (const IssuedCertificate& other : all) {
    if (other.server == wanted.server) continue;
    for (const std::string& name : callable_names(other))
      if (is_wanted(name))
        return invalid_argument(
            fmt::format("'{}' belongs to the {} '{}'; members and servers need names of their own",
                        name, other.server ? "server" : "member", other.name));
  }
  return ok_status();
}

std::vector<std::string> alternative_names(const IssuedCertificate& issued) {
  std::vector<std::string> subjects;
  for (const std::string& name : callable_names(issued)) {
    const std::string subject = (is_address(name) ? "IP:" : "DNS:") + name;
    if (std::ranges::find(subjects, subject) == subjects.end()) subjects.push_back(subject);
  }
  return subjects;
}

}  // namespace

CertificateAuthority::CertificateAuthority(std::string folder, std::string authority_pem,
                                           Certificate certificate)
    : folder_(std::move(folder)),
      authority_pem_(std::move(authority_pem)),
      certificate_(std::move(certificate)) {}

Status CertificateAuthority::create(const std::string& folder, int days, std::int64_t now_unix_s) {
  SHOAL_TRY_STATUS(check_days(days));
  std::error_code code;
  if (std::filesystem::exists(folder, code) && !std::filesystem::is_empty(folder, code))
    return invalid_argument(
        fmt::format("{} is there already; an authority is never overwritten: choose another "
                    "--folder, or remove it yourself",
                    folder));
  const std::filesystem::path parent = std::filesystem::path(folder).parent_path();
  if (!parent.empty()) SHOAL_TRY_STATUS(make_folders(parent));
  std::string made = folder + ".XXXXXX";
  if (::mkdtemp(made.data()) == nullptr)
    return io_error(fmt::format("cannot make a folder beside {}: {}", folder, system_reason()));
  CertificateContent content;
  content.name = "shoal certificate authority";
  content.authority = true;
  content.not_before_unix_s = now_unix_s - kBackdated_s;
  content.not_after_unix_s = now_unix_s + days * kDay_s;
  const KeyPointer key = make_key();
  const X509Pointer certificate = make_certificate(content, key.get(), nullptr, key.get());
  Status status = write_private_file_atomically(made + kKeyFile, pem_of(key.get()));
  if (status.ok()) status = write_file_atomically(made + kIssuedFile, std::string());
  if (status.ok()) status = write_file_atomically(made + kRevokedFile, revocations_text({}));
  if (status.ok())
    status = write_file_atomically(made + kCertificateFile, pem_of(certificate.get()));
  // Takes the place of an empty folder, but not of a full one.
  if (status.ok() && ::rename(made.c_str(), folder.c_str()) != 0)
    status = io_error(fmt::format("cannot make the folder {}: {}", folder, system_reason()));
  if (!status.ok()) std::filesystem::remove_all(made, code);
  return status;
}

Result<CertificateAuthority> CertificateAuthority::open(const std::string& folder) {
  auto pem = read_text_file(folder + kCertificateFile, kPemBytesMax);
  if (!pem.ok() && pem.error().code == ErrorCode::kNotFound)
    return not_found(fmt::format("no authority in {}; make one with `shoal ca init --folder {}`",
                                 folder, folder));
  if (!pem.ok()) return pem.error();
  auto certificate = read_certificate(*pem);
  if (!certificate.ok()) return within(folder + kCertificateFile, certificate.error());
  return CertificateAuthority(folder, *std::move(pem), *std::move(certificate));
}

Result<StartKit> CertificateAuthority::issue(const CertificateRequest& request,
                                             std::int64_t now_unix_s) {
  if (!is_member_name(request.name))
    return invalid_argument(fmt::format("'{}' is no name: use 1 to {} of a-z, 0-9 and '-'",
                                        printable(request.name), kNameLengthMax));
  if (request.name == kAuthorityName)
    return invalid_argument("the name 'ca' is the authority's own; choose another");
  SHOAL_TRY_STATUS(check_days(request.days));
  if (!request.server && !request.hosts.empty())
    return invalid_argument("--host is for servers; members are reached by their names");
  for (const std::string& host : request.hosts) SHOAL_TRY_STATUS(check_host(host));
  IssuedCertificate issued;
  issued.server = request.server;
  issued.name = request.name;
  issued.hosts = request.hosts;
  issued.not_after_unix_s = now_unix_s + request.days * kDay_s;
  if (issued.not_after_unix_s > certificate_.not_after_unix_s)
    return invalid_argument(fmt::format(
        "{} days are too many: the authority itself is valid for {} more", request.days,
        std::max<std::int64_t>(0, (certificate_.not_after_unix_s - now_unix_s) / kDay_s)));
  SHOAL_TRY(const FolderLock lock, FolderLock::take(folder_));
  SHOAL_TRY(std::vector<IssuedCertificate> all, read_issued(folder_));
  SHOAL_TRY_STATUS(check_roles(issued, all));
  SHOAL_TRY(const KeyPointer authority_key, read_private_key(folder_ + kKeyFile));
  const BioPointer bio = memory_bio(authority_pem_);
  const X509Pointer authority(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  SHOAL_CHECK(authority != nullptr, "what open() has read can be read again");
  if (X509_check_private_key(authority.get(), authority_key.get()) != 1)
    return corrupt(fmt::format("{0}{1} is not the key of {0}{2}; put the right one back", folder_,
                               kKeyFile, kCertificateFile));
  CertificateContent content;
  content.name = issued.name;
  content.role = issued.server ? "server" : "member";
  content.subjects = alternative_names(issued);
  content.usage = issued.server ? "serverAuth" : "clientAuth,serverAuth";
  content.not_before_unix_s = std::max(now_unix_s - kBackdated_s, certificate_.not_before_unix_s);
  content.not_after_unix_s = issued.not_after_unix_s;
  const KeyPointer key = make_key();
  const X509Pointer made =
      make_certificate(content, key.get(), authority.get(), authority_key.get());
  StartKit kit{pem_of(made.get()), pem_of(key.get()), authority_pem_};
  SHOAL_TRY(const Certificate written, read_certificate(kit.certificate_pem));
  issued.key = written.key;
  issued.serial = written.serial;
  all.push_back(issued);
  std::string text;
  for (const IssuedCertificate& each : all) text += issued_line(each);
  SHOAL_TRY_STATUS(write_file_atomically(folder_ + kIssuedFile, text));
  return kit;
}

Result<std::vector<IssuedCertificate>> CertificateAuthority::revoke(
    const std::string& name_or_serial, std::int64_t now_unix_s) {
  SHOAL_TRY(const FolderLock lock, FolderLock::take(folder_));
  SHOAL_TRY(const std::vector<IssuedCertificate> all, list());
  SHOAL_TRY(std::vector<RevokedKey> revoked, read_revoked(folder_));
  std::vector<IssuedCertificate> now;
  bool known = false;
  for (const IssuedCertificate& issued : all) {
    if (issued.name != name_or_serial && issued.serial != name_or_serial) continue;
    known = true;
    if (issued.revoked) continue;
    now.push_back(issued);
    revoked.push_back({issued.key, now_unix_s, issued.name});
  }
  if (!known)
    return not_found(
        fmt::format("no certificate of that name or serial: '{}'; `shoal ca list` "
                    "shows what has been issued",
                    printable(name_or_serial)));
  if (!now.empty())
    SHOAL_TRY_STATUS(write_file_atomically(folder_ + kRevokedFile, revocations_text(revoked)));
  return now;
}

Result<std::vector<IssuedCertificate>> CertificateAuthority::list() const {
  SHOAL_TRY(std::vector<IssuedCertificate> all, read_issued(folder_));
  SHOAL_TRY(const std::vector<RevokedKey> revoked, read_revoked(folder_));
  for (IssuedCertificate& issued : all)
    issued.revoked = std::ranges::find(revoked, issued.key, &RevokedKey::key) != revoked.end();
  return all;
}

Status check_start_kit(const std::string& authority_pem, const std::string& name,
                       const std::string& folder, bool replace) {
  for (const char* ending : {".pem", ".key"}) {
    const std::string path = folder + "/" + name + ending;
    std::error_code ignored;
    if (!replace && std::filesystem::exists(path, ignored))
      return invalid_argument(fmt::format(
          "{} is there already; give --replace to rotate the key, or another --out", path));
  }
  const std::string path = folder + kCertificateFile;
  const auto present = read_text_file(path, kPemBytesMax);
  if (!present.ok() && present.error().code == ErrorCode::kNotFound) return ok_status();
  if (!present.ok()) return present.error();
  if (*present == authority_pem) return ok_status();
  return invalid_argument(
      fmt::format("{} is of another authority; choose another --out, or remove it", path));
}

Status write_start_kit(const StartKit& kit, const std::string& name, const std::string& folder,
                       bool replace) {
  SHOAL_TRY_STATUS(check_start_kit(kit.authority_pem, name, folder, replace));
  SHOAL_TRY_STATUS(make_folders(folder));
  SHOAL_TRY_STATUS(write_file_atomically(folder + kCertificateFile, kit.authority_pem));
  SHOAL_TRY_STATUS(write_private_file_atomically(folder + "/" + name + ".key", kit.key_pem));
  return write_file_atomically(folder + "/" + name + ".pem", kit.certificate_pem);
}

}  // namespace shoal
