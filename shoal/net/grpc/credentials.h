// Who may talk to whom: TLS with certificates of both sides, or none at all on loopback.
#pragma once

#include <grpcpp/security/auth_context.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_context.h>
#include <memory>
#include <string>

#include "shoal/net/gate.h"
#include "shoal/net/grpc/grpc_server.h"

namespace shoal {

// HOST:PORT with a host of 127.0.0.0/8, ::1 or "localhost".
bool is_loopback(const std::string& address);

// Errors: an address beyond loopback without certificates; a PEM file that cannot be read.
Result<std::shared_ptr<grpc::ServerCredentials>> server_credentials(const TlsFiles& tls,
                                                                    const std::string& address);
Result<std::shared_ptr<grpc::ChannelCredentials>> channel_credentials(const TlsFiles& tls,
                                                                      const std::string& address);

PeerIdentity identity_of(const grpc::CallbackServerContext& context);

}  // namespace shoal
