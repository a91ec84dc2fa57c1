// Who may talk to whom: TLS with certificates of both sides, or none at all on loopback.
//
// A server's files are read again every kRevocationCheck_s. A caller reads its files once for each
// channel, so that the key which signs its proofs is the one its connection shows.
#pragma once

#include <grpcpp/security/auth_context.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_context.h>
#include <memory>
#include <string>

#include "shoal/net/gate.h"
#include "shoal/net/grpc/grpc_server.h"
#include "shoal/net/identity/signature.h"

namespace shoal {

// HOST:PORT with a host of 127.0.0.0/8, ::1 or "localhost".
bool is_loopback(const std::string& address);

// Errors: an address beyond loopback without certificates; a PEM file that cannot be read.
Result<std::shared_ptr<grpc::ServerCredentials>> server_credentials(const TlsFiles& tls,
                                                                    const std::string& address);

// What a caller shows, and signs with.
struct CallerCredentials {
  std::shared_ptr<grpc::ChannelCredentials> channel;
  std::shared_ptr<const SigningKey> key;  // null without certificates
  Digest files{};                         // changes when one of the files does
};
Result<CallerCredentials> caller_credentials(const TlsFiles& tls, const std::string& address);
// Of the three files as they are now; the same for as long as they stay.
Result<Digest> digest_of_files(const TlsFiles& tls);

PeerIdentity identity_of(const grpc::CallbackServerContext& context);

}  // namespace shoal
