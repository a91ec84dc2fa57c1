// Who is let in by mutual TLS, and whose frames: certificates of our authority and of another,
// none, a server that is another host, revoked keys, keys that rotate.
#include <atomic>
#include <ctime>
#include <future>

#include "shoal/base/file.h"
#include "shoal/net/grpc/open_line.h"
#include "shoal/net/grpc/test_world.h"
#include "shoal/net/grpc/transport_log.h"
#include "shoal/net/identity/test_authority.h"

namespace shoal {
namespace {

using namespace test;

// A folder with start kits as `shoal ca` leaves them.
class TlsWorld {
 public:
  TlsWorld() : authority_(make(folder_.path() + "/ca")), stranger_(make(folder_.path() + "/ca2")) {
    kit(authority_, "server", true, {});
  }
  TlsFiles files(const std::string& name) const {
    const std::string folder = folder_.path() + "/";
    return {folder + name + ".pem", folder + name + ".key", folder + "ca.pem"};
  }
  TlsFiles member(const std::string& name) {
    kit(authority_, name, false, {});
    return files(name);
  }
  // Trusts our authority, and is signed by another.
  TlsFiles stranger(const std::string& name) {
    const StartKit kit = issue(stranger_, name, false, {});
    write(name, kit, "");
    return files(name);
  }
  TlsFiles server_elsewhere() {
    const std::string folder = folder_.path() + "/elsewhere";
    SHOAL_CHECK(make_folders(folder).ok(), "a folder");
    const StartKit kit = issue(authority_, "elsewhere", false, {});
    SHOAL_CHECK(write_start_kit(kit, "elsewhere", folder, true).ok(), "a kit");
    return {folder + "/elsewhere.pem", folder + "/elsewhere.key", folder + "/ca.pem"};
  }

 private:
  static CertificateAuthority make(const std::string& folder) {
    SHOAL_CHECK(CertificateAuthority::create(folder, 30, std::time(nullptr)).ok(), "an authority");
    return *CertificateAuthority::open(folder);
  }
  static StartKit issue(CertificateAuthority& authority, const std::string& name, bool server,
                        std::vector<std::string> hosts) {
    return *authority.issue({name, server, std::move(hosts), 10}, std::time(nullptr));
  }
  void write(const std::string& name, const StartKit& kit, const std::string&) {
    SHOAL_CHECK(write_file_atomically(files(name).certificate, kit.certificate_pem).ok(), "a file");
    SHOAL_CHECK(write_file_atomically(files(name).key, kit.key_pem).ok(), "a file");
  }
  void kit(CertificateAuthority& authority, const std::string& name, bool server,
           std::vector<std::string> hosts) {
    const StartKit made = issue(authority, name, server, std::move(hosts));
    write(name, made, "");
    SHOAL_CHECK(write_file_atomically(files(name).authority, made.authority_pem).ok(), "a file");
  }

  TestFolder folder_;
  CertificateAuthority authority_;
  CertificateAuthority stranger_;
};

struct TlsParty : ServerParty {
  explicit TlsParty(TlsWorld& world, Gate::Revoked revoked = {}) : ServerParty(4, true) {
    gate->set_revoked(std::move(revoked));
    settings.tls = world.files("server");
    start();
  }
};

Status try_join(ClientParty& member, const TlsFiles& files) {
  member.settings.tls = files;
  member.settings.give_up_s = 0.3;
  return member.join();
}

TEST(GrpcTls, MembersWithCertificatesSendSignedFrames) {
  TlsWorld world;
  TlsParty server(world);
  ClientParty member(server.settings.listen, "alpha");
  member.settings.tls = world.member("alpha");
  member.start();
  const Frame up = random_frame("update", 0, 3 << 20);
  const Frame down = random_frame("model", 0, 3 << 20);
  member.client->send(member.node(), 0, up);
  server.server->send(0, member.node(), down);
  const auto at_server = server.sink.wait_frames(1);
  const auto at_member = member.sink.wait_frames(1);
  ASSERT_EQ(at_server.size(), 1u);
  ASSERT_EQ(at_member.size(), 1u);
  EXPECT_EQ(*at_server[0].frame, *up);
  EXPECT_EQ(*at_member[0].frame, *down);
  EXPECT_NE(server.gate->members()[0].key, Digest{});
}

TEST(GrpcTls, WithoutACertificateNobodyJoins) {
  TlsWorld world;
  TlsParty server(world);
  ClientParty member(server.settings.listen, "alpha");
  EXPECT_FALSE(try_join(member, TlsFiles{}).ok());
  EXPECT_TRUE(server.gate->members().empty());
}

TEST(GrpcTls, ACertificateOfAnotherAuthorityIsRefused) {
  TlsWorld world;
  TlsParty server(world);
  ClientParty member(server.settings.listen, "alpha");
  const std::uint64_t errors = transport_errors();
  EXPECT_FALSE(try_join(member, world.stranger("alpha")).ok());
  EXPECT_GT(transport_errors(), errors);
  EXPECT_TRUE(server.gate->members().empty());
}

TEST(GrpcTls, AMemberCannotPassForTheServer) {
  TlsWorld world;
  ServerParty server(4, true);
  server.settings.tls = world.server_elsewhere();
  server.start();
  ClientParty member(server.settings.listen, "alpha");
  EXPECT_FALSE(try_join(member, world.member("alpha")).ok());
  EXPECT_TRUE(server.gate->members().empty());
}

TEST(GrpcTls, ANameThatIsNotOnesOwnIsRefused) {
  TlsWorld world;
  TlsParty server(world);
  ClientParty member(server.settings.listen, "beta");
  const Status joined = try_join(member, world.member("alpha"));
  ASSERT_FALSE(joined.ok());
  EXPECT_NE(joined.error().message.find("PERMISSION_DENIED"), std::string::npos);
}

TEST(GrpcTls, ARevokedMemberIsThrownOut) {
  TlsWorld world;
  std::atomic<bool> revoked{false};
  TlsParty server(world, [&revoked](const Digest&) { return revoked.load(); });
  ClientParty member(server.settings.listen, "alpha");
  member.settings.tls = world.member("alpha");
  member.start();
  revoked = true;
  EXPECT_TRUE(wait_until([&] { return !member.client->broken().ok(); }));
  EXPECT_NE(member.client->broken().error().message.find("revoked"), std::string::npos);
}

// Also when it says nothing more: the server looks by itself.
TEST(GrpcTls, ARevokedMemberLosesItsStream) {
  TlsWorld world;
  std::atomic<bool> revoked{false};
  TlsParty server(world, [&revoked](const Digest&) { return revoked.load(); });
  ClientParty member(server.settings.listen, "alpha");
  member.settings.tls = world.member("alpha");
  member.settings.times.heartbeat_s = 3600.0;
  member.start();
  ASSERT_TRUE(wait_until([&] { return metric(server.metrics, "shoal_streams") > 0; }));
  revoked = true;
  EXPECT_TRUE(wait_until([&] { return metric(server.metrics, "shoal_streams") == 0; }));
  EXPECT_GE(metric(server.metrics, "shoal_refusals_total", "reason=\"revoked\""), 1.0);
}

TEST(GrpcTls, AMemberTakesItsNewKeyWithoutARestart) {
  TlsWorld world;
  TlsParty server(world);
  ClientParty member(server.settings.listen, "alpha");
  member.settings.tls = world.member("alpha");
  member.settings.times.files_look_s = 0.05;
  member.start();
  member.client->send(member.node(), 0, random_frame("first", 0, 100));
  ASSERT_EQ(server.sink.wait_frames(1).size(), 1u);
  const Digest old_key = server.gate->members()[0].key;
  world.member("alpha");
  ASSERT_TRUE(wait_until([&] { return metric(member.metrics, "shoal_keys_rotated_total") > 0; }));
  member.client->send(member.node(), 0, random_frame("second", 0, 100));
  ASSERT_EQ(server.sink.wait_frames(2).size(), 2u);
  EXPECT_EQ(metric(member.metrics, "shoal_frames_dropped_total", "reason=\"stale\""), 0.0);
  EXPECT_TRUE(wait_until([&] { return server.gate->members()[0].key != old_key; }));
}

// Its oldest connection goes when it opens one too many; those of others stay.
TEST(GrpcTls, AClientKeepsItsNewestConnections) {
  TlsWorld world;
  TlsParty server(world);
  const auto open = [&](const TlsFiles& files) {
    return std::make_shared<CallGroup>(open_line(files, server.settings.listen, {})->line);
  };
  const auto call = [](const std::shared_ptr<CallGroup>& calls) {
    const auto answered = std::make_shared<std::promise<grpc::Status>>();
    calls->call(
        "GetStatus", wire::StatusRequest(), kPatience_s,
        [answered](const grpc::Status& status, grpc::ByteBuffer&) { answered->set_value(status); });
    return answered->get_future().get();
  };
  const auto open_now = [&] { return metric(server.metrics, "shoal_connections"); };
  const auto cut = [&] {
    return metric(server.metrics, "shoal_connections_refused_total",
                  "reason=\"too_many_of_client\"");
  };
  const auto beta = open(world.member("beta"));
  EXPECT_TRUE(call(beta).ok());
  const TlsFiles files = world.member("alpha");
  std::vector<std::shared_ptr<CallGroup>> alphas;
  for (std::size_t i = 0; i < kConnectionsPerClientMax; ++i) {
    alphas.push_back(open(files));
    EXPECT_TRUE(call(alphas.back()).ok());
  }
  EXPECT_EQ(cut(), 0.0);
  alphas.push_back(open(files));
  EXPECT_TRUE(call(alphas.back()).ok());
  EXPECT_TRUE(wait_until([&] { return open_now() == 1.0 + kConnectionsPerClientMax; }));
  EXPECT_EQ(cut(), 1.0);
  for (std::size_t i = 1; i < alphas.size(); ++i) EXPECT_TRUE(call(alphas[i]).ok());
  EXPECT_TRUE(call(beta).ok());
  EXPECT_EQ(cut(), 1.0);
  for (const auto& calls : alphas) calls->close_and_wait();
  beta->close_and_wait();
}

TEST(GrpcTls, FilesThatAreNotWhatTheyShouldBe) {
  TlsWorld world;
  ServerParty server;
  const auto error_of = [&](const TlsFiles& tls) {
    server.settings.tls = tls;
    auto started = GrpcServer::start(server.settings, *server.gate, server.sink, server.metrics);
    return started.ok() ? std::string() : started.error().message;
  };
  TlsFiles swapped = world.files("server");
  std::swap(swapped.certificate, swapped.key);
  EXPECT_NE(error_of(swapped).find("server.key"), std::string::npos);
  TlsFiles missing = world.files("server");
  missing.authority += ".gone";
  EXPECT_NE(error_of(missing).find("ca.pem.gone"), std::string::npos);
}

}  // namespace
}  // namespace shoal
