// `shoal ca`: a private certificate authority in a folder, and start kits for servers and members.
#include <chrono>
#include <ctime>
#include <fmt/chrono.h>
#include <fmt/format.h>

#include "shoal/base/clock.h"
#include "shoal/net/identity/certificate_authority.h"

#include "cli/command.h"

namespace shoal {
namespace {

struct CaOptions {
  std::string folder = "ca";
  std::string name;
  bool server = false;
  bool replace = false;
  std::vector<std::string> hosts;
  int days = 365;
  std::string out;
};

std::string date(std::int64_t unix_s) {
  return fmt::format("{:%Y-%m-%d}", fmt::gmtime(static_cast<std::time_t>(unix_s)));
}

int init(const CaOptions& options) {
  if (auto status = CertificateAuthority::create(options.folder, options.days, unix_now_s());
      !status.ok())
    return complain(status.error());
  fmt::print(
      "{0}/ca.pem is the authority; {0}/ca.key is its secret: who has it can admit anybody.\n"
      "next: shoal ca issue server --server --host HOST   and   shoal ca issue MEMBER\n",
      options.folder);
  return 0;
}

int issue(const CaOptions& options) {
  auto authority = CertificateAuthority::open(options.folder);
  if (!authority.ok()) return complain(authority.error());
  const std::string out = options.out.empty() ? options.name : options.out;
  // Before anything is issued.
  if (auto status =
          check_start_kit(authority->certificate_pem(), options.name, out, options.replace);
      !status.ok())
    return complain(status.error());
  const CertificateRequest request{options.name, options.server, options.hosts, options.days};
  const auto kit = authority->issue(request, unix_now_s());
  if (!kit.ok()) return complain(kit.error());
  if (auto status = write_start_kit(*kit, options.name, out, options.replace); !status.ok())
    return complain(status.error());
  fmt::print("{0}/{1}.pem, {0}/{1}.key and {0}/ca.pem: the start kit of {2} '{1}', for {3} days\n",
             out, options.name, options.server ? "server" : "member", options.days);
  return 0;
}

int revoke(const CaOptions& options) {
  auto authority = CertificateAuthority::open(options.folder);
  if (!authority.ok()) return complain(authority.error());
  const auto revoked = authority->revoke(options.name, unix_now_s());
  if (!revoked.ok()) return complain(revoked.error());
  if (revoked->empty()) {
    fmt::print("nothing left to revoke: '{}' had been revoked before\n", options.name);
    return 0;
  }
  for (const IssuedCertificate& each : *revoked)
    fmt::print("revoked {} of '{}'\n", each.serial, each.name);
  fmt::print("copy {}/revoked.txt to the servers; they read it again by themselves\n",
             options.folder);
  return 0;
}

int list(const CaOptions& options) {
  auto authority = CertificateAuthority::open(options.folder);
  if (!authority.ok()) return complain(authority.error());
  const auto issued = authority->list();
  if (!issued.ok()) return complain(issued.error());
  const std::int64_t now_s = unix_now_s();
  fmt::print("{:24} {:6} {:7} {:10} {}\n", "name", "role", "state", "until", "serial");
  for (const IssuedCertificate& each : *issued)
    fmt::print("{:24} {:6} {:7} {:10} {}\n", each.name, each.server ? "server" : "member",
               each.revoked                    ? "revoked"
               : each.not_after_unix_s < now_s ? "expired"
                                               : "good",
               date(each.not_after_unix_s), each.serial);
  return 0;
}

struct CaCommand {
  CLI::App* app;
  std::shared_ptr<CaOptions> options;
};

CaCommand add(CLI::App& ca, Action& action, const std::string& name, const std::string& help,
              int (*act)(const CaOptions&)) {
  auto options = std::make_shared<CaOptions>();
  CLI::App* command = ca.add_subcommand(name, help);
  command->add_option("--folder", options->folder, "folder of the authority (default: ca)");
  command->callback([options, act, &action] { action = [options, act] { return act(*options); }; });
  return {command, options};
}

}  // namespace

void add_ca_command(CLI::App& app, Action& action) {
  CLI::App* ca = app.add_subcommand(
      "ca",
      "Certificates: who may take part in runs over a network.\n"
      "`shoal ca init` makes a private authority in a folder, once. `shoal ca issue NAME` makes\n"
      "a start kit: a folder to hand to that member, over a channel you trust. Everyone proves\n"
      "its name with its key from then on; there are no passwords.\n"
      "To rotate a key, issue the name again with --replace (the process takes the new key by\n"
      "itself), then revoke the old serial. Until then both keys are good.");
  ca->require_subcommand(1);
  const CaCommand make =
      add(*ca, action, "init", "Make an authority. Refuses to overwrite one.", init);
  make.options->days = kCertificateDaysMax;
  make.app->add_option("--days", make.options->days, "days it is valid (default: 3650)");
  const CaCommand kit =
      add(*ca, action, "issue",
          "Issue a certificate and a key, as a start kit: NAME.pem, NAME.key, ca.pem.\n"
          "A server can be reached as NAME, localhost and each --host.",
          issue);
  kit.app->add_option("name", kit.options->name, "1 to 63 of a-z, 0-9 and '-'")->required();
  kit.app->add_flag("--server", kit.options->server, "for a server; without it, for a member");
  kit.app->add_option("--host", kit.options->hosts, "DNS name or IP address of the server")
      ->allow_extra_args(false);
  kit.app->add_option("--days", kit.options->days, "days it is valid (default: 365)");
  kit.app->add_option("--out", kit.options->out, "folder for the kit (default: NAME)");
  kit.app->add_flag("--replace", kit.options->replace, "replace the kit that is there: a new key");
  const CaCommand withdraw =
      add(*ca, action, "revoke",
          "Revoke all certificates of a name, or one by its serial. Copy revoked.txt to the\n"
          "servers.",
          revoke);
  withdraw.app->add_option("name", withdraw.options->name, "a name, or a serial")->required();
  add(*ca, action, "list", "Show what has been issued.", list);
}

}  // namespace shoal
