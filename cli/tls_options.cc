#include "cli/tls_options.h"

#include <filesystem>
#include <fmt/format.h>

#include "shoal/net/identity/certificate.h"

namespace shoal {

void add_kit_option(CLI::App& command, std::string& kit) {
  command.add_option("--kit", kit,
                     "folder with ca.pem, NAME.pem and NAME.key, as `shoal ca issue NAME` writes\n"
                     "it; without one only addresses of this machine are used");
}

Result<Kit> open_kit(const std::string& folder, KitOf whose) {
  Kit kit;
  if (folder.empty()) return kit;
  if (!std::filesystem::is_directory(folder))
    return not_found(fmt::format("{} is not a folder; `shoal ca issue NAME` makes one", folder));
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string path = entry.path().string();
    if (entry.path().extension() != ".pem") continue;
    if (entry.path().filename() == "ca.pem") {
      kit.tls.authority = path;
      continue;
    }
    if (!kit.tls.certificate.empty())
      return invalid_argument(fmt::format("{} holds the certificates of more than one", folder));
    kit.tls.certificate = path;
    kit.tls.key = std::filesystem::path(path).replace_extension(".key").string();
  }
  if (kit.tls.authority.empty() || kit.tls.certificate.empty() ||
      !std::filesystem::exists(kit.tls.key))
    return not_found(fmt::format(
        "{} lacks ca.pem, NAME.pem or NAME.key; `shoal ca issue NAME` writes all three", folder));
  SHOAL_TRY(const Certificate certificate, read_certificate_file(kit.tls.certificate));
  if (certificate.server && whose == KitOf::kMember)
    return invalid_argument(fmt::format(
        "{} is the start kit of a server; `shoal ca issue NAME` makes one of a member", folder));
  if (!certificate.server && whose == KitOf::kServer)
    return invalid_argument(fmt::format(
        "{} is the start kit of a member; `shoal ca issue NAME --server` makes one of a server",
        folder));
  kit.name = certificate.name;
  return kit;
}

}  // namespace shoal
