// CertificateAuthority: a private authority in a folder, which says who may take part in runs.
//
//   ca.pem       its certificate: what everybody trusts
//   ca.key       its private key, mode 0600; needed to issue, never leaves this folder
//   issued.txt   a line for every certificate: key, serial, role, last second, name, hosts
//   revoked.txt  the revocation list (revocation_list.h), to be copied to the servers
//
// Keys are EC P-256. A server's certificate is good for being called (serverAuth) under its name,
// localhost, the loopback addresses and its hosts. A member's is good for calling and for being
// called by peers under its name, and for nothing else; so that no member can pass for a server,
// the names of members and the names and hosts of servers are kept apart.
//
// Every change is made under a lock on the folder and written atomically.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shoal/base/result.h"
#include "shoal/base/sha256.h"
#include "shoal/net/identity/certificate.h"

namespace shoal {

inline constexpr int kCertificateDaysMax = 3650;

struct CertificateRequest {
  std::string name;  // [a-z0-9-]{1,63}
  bool server = false;
  std::vector<std::string> hosts;  // DNS names and addresses, of servers only
  int days = 365;
};

struct StartKit {
  std::string certificate_pem;
  std::string key_pem;  // private
  std::string authority_pem;
};

struct IssuedCertificate {
  Digest key{};
  std::string serial;
  bool server = false;
  std::int64_t not_after_unix_s = 0;
  std::string name;
  std::vector<std::string> hosts;
  bool revoked = false;
};

class CertificateAuthority {
 public:
  // Refuses a folder that holds anything; leaves all of it or nothing.
  static Status create(const std::string& folder, int days, std::int64_t now_unix_s);
  static Result<CertificateAuthority> open(const std::string& folder);

  const std::string& certificate_pem() const { return authority_pem_; }
  // A name may be issued again, to rotate its key: both certificates are then good.
  Result<StartKit> issue(const CertificateRequest& request, std::int64_t now_unix_s);
  // Revokes one certificate by its serial, or all of a name; returns those revoked now.
  Result<std::vector<IssuedCertificate>> revoke(const std::string& name_or_serial,
                                                std::int64_t now_unix_s);
  // In the order of issue.
  Result<std::vector<IssuedCertificate>> list() const;

 private:
  CertificateAuthority(std::string folder, std::string authority_pem, Certificate certificate);

  std::string folder_;
  std::string authority_pem_;
  Certificate certificate_;
};

// Whether a kit of that name may be written into the folder: refuses one that is there already,
// unless `replace`, and a ca.pem of another authority.
Status check_start_kit(const std::string& authority_pem, const std::string& name,
                       const std::string& folder, bool replace);
// Writes ca.pem, NAME.key (mode 0600) and NAME.pem, in that order: whoever reads the files again
// while a key rotates sees two that do not fit for a moment, and keeps what it has.
Status write_start_kit(const StartKit& kit, const std::string& name, const std::string& folder,
                       bool replace);

}  // namespace shoal
