#include "shoal/net/grpc/credentials.h"

#include <fmt/format.h>
#include <grpc/grpc_security_constants.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_certificate_verifier.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <vector>

#include "shoal/base/file.h"
#include "shoal/net/identity/certificate.h"
#include "shoal/net/limits.h"

namespace shoal {
namespace {

namespace tls_api = grpc::experimental;

std::string host_of(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  std::string host = address.substr(0, colon);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  return host;
}

bool is_loopback_ipv4(const std::string& host) {
  if (host.rfind("127.", 0) != 0) return false;
  return host.find_first_not_of("0123456789.") == std::string::npos;
}

Status check_address(const TlsFiles& tls, const std::string& address) {
  const std::size_t colon = address.rfind(':');
  const bool has_port = colon != std::string::npos && colon > 0 && colon + 1 < address.size() &&
                        address.find_first_not_of("0123456789", colon + 1) == std::string::npos;
  if (!has_port)
    return invalid_argument(fmt::format("\"{}\" is not an address; write HOST:PORT", address));
  if (!tls.given() && !is_loopback(address))
    return invalid_argument(
        fmt::format("{} is not a loopback address; beyond this machine --kit is needed", address));
  return ok_status();
}

struct TlsContent {
  std::string certificate;
  std::string key;
  std::string authority;
};

Result<TlsContent> read_files(const TlsFiles& tls) {
  TlsContent content;
  SHOAL_TRY(content.certificate, read_text_file(tls.certificate, kPemBytesMax));
  SHOAL_TRY(content.key, read_text_file(tls.key, kPemBytesMax));
  SHOAL_TRY(content.authority, read_text_file(tls.authority, kPemBytesMax));
  const auto name_file = [](const std::string& path, const Error& error) {
    return within("in " + path, error);
  };
  if (auto ours = read_certificate(content.certificate); !ours)
    return name_file(tls.certificate, ours.error());
  if (auto key = SigningKey::from_pem(content.key); !key) return name_file(tls.key, key.error());
  if (auto authority = read_certificate(content.authority); !authority)
    return name_file(tls.authority, authority.error());
  return content;
}

Digest digest_of(const TlsContent& content) {
  Sha256 hash;
  for (const std::string* text : {&content.certificate, &content.key, &content.authority}) {
    hash.number<std::uint64_t>(text->size());
    hash.update(as_bytes(*text));
  }
  return hash.finish();
}

}  // namespace

bool is_loopback(const std::string& address) {
  const std::string host = host_of(address);
  return host == "localhost" || host == "::1" || is_loopback_ipv4(host);
}

Result<std::shared_ptr<grpc::ServerCredentials>> server_credentials(const TlsFiles& tls,
                                                                    const std::string& address) {
  SHOAL_TRY_STATUS(check_address(tls, address));
  if (!tls.given()) return grpc::InsecureServerCredentials();
  if (auto content = read_files(tls); !content) return content.error();
  const auto files = std::make_shared<tls_api::FileWatcherCertificateProvider>(
      tls.key, tls.certificate, tls.authority, static_cast<unsigned>(kRevocationCheck_s));
  tls_api::TlsServerCredentialsOptions options(files);
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  return tls_api::TlsServerCredentials(options);
}

Result<CallerCredentials> caller_credentials(const TlsFiles& tls, const std::string& address) {
  SHOAL_TRY_STATUS(check_address(tls, address));
  if (!tls.given()) return CallerCredentials{grpc::InsecureChannelCredentials(), nullptr, {}};
  SHOAL_TRY(const TlsContent content, read_files(tls));
  SHOAL_TRY(SigningKey key, SigningKey::from_pem(content.key));
  const auto provider = std::make_shared<tls_api::StaticDataCertificateProvider>(
      content.authority,
      std::vector<tls_api::IdentityKeyCertPair>{{content.key, content.certificate}});
  tls_api::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(provider);
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  options.set_verify_server_certs(true);
  options.set_certificate_verifier(std::make_shared<tls_api::HostNameCertificateVerifier>());
  options.set_check_call_host(true);
  CallerCredentials caller;
  caller.channel = tls_api::TlsCredentials(options);
  caller.key = std::make_shared<const SigningKey>(std::move(key));
  caller.files = digest_of(content);
  return caller;
}

Result<Digest> digest_of_files(const TlsFiles& tls) {
  if (!tls.given()) return Digest{};
  SHOAL_TRY(const TlsContent content, read_files(tls));
  return digest_of(content);
}

PeerIdentity identity_of(const grpc::CallbackServerContext& context) {
  PeerIdentity peer;
  peer.address = context.peer();
  const auto tls = context.auth_context();
  if (!tls || !tls->IsPeerAuthenticated()) return peer;
  const auto pem = tls->FindPropertyValues(GRPC_X509_PEM_CERT_PROPERTY_NAME);
  if (pem.size() != 1) return peer;
  peer.certificate_pem.assign(pem[0].data(), pem[0].size());
  const auto certificate = read_certificate(peer.certificate_pem);
  if (!certificate) return peer;  // not of a kind that our authority makes
  peer.certified = true;
  peer.name = certificate->name;
  peer.key = certificate->key;
  return peer;
}

}  // namespace shoal
