#include "shoal/net/grpc/credentials.h"

#include <fmt/format.h>

#include "shoal/base/file.h"
#include "shoal/net/limits.h"

namespace shoal {
namespace {

constexpr std::uint64_t kPemBytesMax = std::uint64_t{1} << 20;

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
    return invalid_argument(fmt::format(
        "{} is not a loopback address; give certificates to talk beyond this machine", address));
  return ok_status();
}

Status check_files(const TlsFiles& tls) {
  for (const std::string& path : {tls.certificate, tls.key, tls.authority}) {
    SHOAL_TRY(const std::string text, read_text_file(path, kPemBytesMax));
    if (text.find("-----BEGIN ") == std::string::npos)
      return invalid_argument(path + " is not a PEM file");
  }
  return ok_status();
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
  SHOAL_TRY_STATUS(check_files(tls));
  return unsupported("TLS is not available yet");
}

Result<std::shared_ptr<grpc::ChannelCredentials>> channel_credentials(const TlsFiles& tls,
                                                                      const std::string& address) {
  SHOAL_TRY_STATUS(check_address(tls, address));
  if (!tls.given()) return grpc::InsecureChannelCredentials();
  SHOAL_TRY_STATUS(check_files(tls));
  return unsupported("TLS is not available yet");
}

PeerIdentity identity_of(const grpc::CallbackServerContext& context) {
  PeerIdentity peer;
  peer.address = context.peer();
  return peer;
}

}  // namespace shoal
