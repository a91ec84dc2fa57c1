// What server, join and status say about their identity: a start kit of `shoal ca issue`.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "shoal/base/result.h"
#include "shoal/net/grpc/grpc_server.h"

namespace shoal {

struct Kit {
  TlsFiles tls;
  std::string name;  // that its certificate is made out to
};

void add_kit_option(CLI::App& command, std::string& kit);
// The one certificate of the folder beside ca.pem, and its key; nothing when `folder` is empty.
enum class KitOf { kServer, kMember };
Result<Kit> open_kit(const std::string& folder, KitOf whose);

}  // namespace shoal
