// For tests: an authority in a temporary folder, and members with certificates and keys.
#pragma once

#include <cstdint>
#include <filesystem>
#include <stdlib.h>
#include <string>

#include "shoal/net/gate.h"
#include "shoal/net/identity/certificate_authority.h"
#include "shoal/net/identity/signature.h"

namespace shoal {

inline constexpr std::int64_t kTestNow_s = 1'900'000'000;

struct TestMember {
  StartKit kit;
  PeerIdentity peer;
  SigningKey key;
};

class TestFolder {
 public:
  TestFolder() : path_((std::filesystem::temp_directory_path() / "shoal-XXXXXX").string()) {
    SHOAL_CHECK(::mkdtemp(path_.data()) != nullptr, "a temporary folder");
  }
  ~TestFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class TestAuthority {
 public:
  TestAuthority() {
    SHOAL_CHECK(CertificateAuthority::create(folder(), 3650, kTestNow_s - 86400 * 400).ok(),
                "an authority");
  }
  std::string folder() const { return temporary_.path() + "/ca"; }
  CertificateAuthority authority() const { return *CertificateAuthority::open(folder()); }

  TestMember member(const std::string& name, std::int64_t now_s = kTestNow_s, int days = 30,
                    bool server = false) const {
    TestMember made;
    CertificateAuthority authority = this->authority();
    made.kit = *authority.issue({name, server, {}, days}, now_s);
    const Certificate certificate = *read_certificate(made.kit.certificate_pem);
    made.peer = {"ipv4:127.0.0.1:4711", true, name, certificate.key, made.kit.certificate_pem};
    made.key = *SigningKey::from_pem(made.kit.key_pem);
    return made;
  }

 private:
  TestFolder temporary_;
};

}  // namespace shoal
