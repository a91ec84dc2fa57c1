// Members at work while strangers keep 300 plain connections open, and say nothing or a byte at a
// time: who is let in, who is reset, who is cut.
#include <algorithm>
#include <arpa/inet.h>
#include <fcntl.h>
#include <fstream>
#include <limits>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shoal/base/file.h"
#include "shoal/net/grpc/connection_door.h"
#include "shoal/net/grpc/test_world.h"
#include "shoal/net/identity/test_authority.h"

namespace shoal {
namespace {

using namespace test;

constexpr std::size_t kMembers = 5;
constexpr std::size_t kFlood = 300;
constexpr std::size_t kStrangersMax = 40;
// Sanitizers keep what was freed for a while, so there the figure says nothing.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SHOAL_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SHOAL_SANITIZED 1
#endif
#endif
#ifdef SHOAL_SANITIZED
constexpr double kMemoryGrowthMax = std::numeric_limits<double>::infinity();
#else
constexpr double kMemoryGrowthMax = 64.0 * (1 << 20);
#endif

double resident_bytes() {
  std::ifstream file("/proc/self/statm");
  double all = 0.0;
  double resident = 0.0;
  file >> all >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

Descriptor dial(int port) {
  Descriptor stranger(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  connect(stranger.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  fcntl(stranger.get(), F_SETFL, O_NONBLOCK);
  return stranger;
}

// The other side has ended it; a server's own first bytes are read away.
bool is_cut(const Descriptor& stranger) {
  char bytes[256];
  ssize_t size = 0;
  while ((size = recv(stranger.get(), bytes, sizeof bytes, 0)) > 0) {
  }
  return size == 0 || (errno != EAGAIN && errno != EINTR);
}

struct World {
  explicit World(const TestFolder* kits) : server(kMembers, kits != nullptr) {
    server.settings.strangers_max = kStrangersMax;
    server.settings.times.handshake_s = 1.5;
    if (kits != nullptr) server.settings.tls = files(*kits, "server");
    server.start();
    port = std::stoi(server.settings.listen.substr(server.settings.listen.rfind(':') + 1));
    for (std::size_t i = 0; i < kMembers; ++i) {
      const std::string name = "member" + std::to_string(i);
      members.push_back(std::make_unique<ClientParty>(server.settings.listen, name));
      if (kits != nullptr) members.back()->settings.tls = files(*kits, name);
      members.back()->start();
    }
  }
  static TlsFiles files(const TestFolder& kits, const std::string& name) {
    const std::string folder = kits.path() + "/" + name + "/";
    return {folder + name + ".pem", folder + name + ".key", folder + "ca.pem"};
  }
  // Mean time of a round: a frame to every member, and one back.
  double rounds(int count) {
    const double began_s = steady_now_s();
    for (int i = 0; i < count; ++i, ++round) {
      server.gate->open_round(round);
      const Frame frame = random_frame("model", round, 50'000, round);
      for (const auto& member : members) server.server->send(0, member->node(), frame);
      for (const auto& member : members) {
        EXPECT_EQ(member->sink.wait_frames(round + 1).size(), round + 1);
        member->client->send(member->node(), 0, frame);
      }
      EXPECT_EQ(server.sink.wait_frames((round + 1) * kMembers).size(), (round + 1) * kMembers);
    }
    return (steady_now_s() - began_s) / count;
  }
  double refused(const std::string& reason) const {
    return metric(server.metrics, "shoal_connections_refused_total", "reason=\"" + reason + "\"");
  }

  ServerParty server;
  int port = 0;
  Step round = 0;
  std::vector<std::unique_ptr<ClientParty>> members;
};

void flood(World& world, const char* name) {
  const double alone_s = world.rounds(20);
  const double honest = metric(world.server.metrics, "shoal_connections");
  EXPECT_GE(honest, static_cast<double>(kMembers));
  const double before = resident_bytes();
  std::vector<Descriptor> strangers;
  for (std::size_t i = 0; i < kFlood; ++i) strangers.push_back(dial(world.port));
  double open_most = 0.0;
  double beside_s = 0.0;
  for (int i = 0; i < 20; ++i) {
    for (std::size_t k = 0; k < kFlood; k += 2)
      (void)!send(strangers[k].get(), i == 0 ? "P" : "R", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    beside_s += world.rounds(1) / 20;
    open_most = std::max(open_most, metric(world.server.metrics, "shoal_connections"));
  }
  EXPECT_TRUE(
      wait_until([&] { return world.refused("too_many") + world.refused("no_call_in_time") > 0; }));
  EXPECT_TRUE(wait_until([&] { return std::ranges::all_of(strangers, is_cut); }));
  EXPECT_TRUE(
      wait_until([&] { return metric(world.server.metrics, "shoal_connections") <= honest; }));
  EXPECT_LE(open_most, honest + static_cast<double>(kStrangersMax));
  EXPECT_GE(world.refused("too_many"), static_cast<double>(kFlood - 2 * kStrangersMax));
  EXPECT_LT(resident_bytes() - before, kMemoryGrowthMax);
  world.rounds(3);
  std::printf(
      "%s: a round %.2f ms alone, %.2f ms beside %zu strangers; %.0f reset, %.0f cut, "
      "at most %.0f open, %.1f MiB more\n",
      name, alone_s * 1e3, beside_s * 1e3, kFlood, world.refused("too_many"),
      world.refused("no_call_in_time"), open_most, (resident_bytes() - before) / (1 << 20));
}

TEST(ConnectionDoor, StrangersDoNotDisturbMembers) {
  World world(nullptr);
  flood(world, "insecure");
}

TEST(ConnectionDoor, StrangersDoNotDisturbMembersWithCertificates) {
  TestFolder kits;
  const std::string folder = kits.path() + "/ca";
  ASSERT_TRUE(CertificateAuthority::create(folder, 30, std::time(nullptr)).ok());
  CertificateAuthority authority = *CertificateAuthority::open(folder);
  std::vector<std::string> names{"server"};
  for (std::size_t i = 0; i < kMembers; ++i) names.push_back("member" + std::to_string(i));
  for (const std::string& name : names) {
    const StartKit kit = *authority.issue({name, name == "server", {}, 10}, std::time(nullptr));
    ASSERT_TRUE(make_folders(kits.path() + "/" + name).ok());
    ASSERT_TRUE(write_start_kit(kit, name, kits.path() + "/" + name, true).ok());
  }
  World world(&kits);
  flood(world, "TLS");
}

// What a member offers its peers stands behind a door as well.
TEST(ConnectionDoor, StrangersDoNotDisturbPeers) {
  ServerParty server(2);
  server.start();
  PeerParty alpha(server.settings.listen, "alpha");
  PeerParty beta(server.settings.listen, "beta");
  beta.settings.times.handshake_s = 1.5;
  alpha.start_among(2);
  beta.start_among(2);
  server.server->started();
  ASSERT_TRUE(alpha.client->wait_started());
  const std::string address = server.gate->members()[beta.node() - 1].address;
  const int port = std::stoi(address.substr(address.rfind(':') + 1));
  std::vector<Descriptor> strangers;
  for (std::size_t i = 0; i < kFlood; ++i) strangers.push_back(dial(port));
  const Frame frame = random_frame("mix", 0, 100'000);
  alpha.client->send(alpha.node(), beta.node(), frame);
  const auto got = beta.sink.wait_frames(1);
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(*got[0].frame, *frame);
  EXPECT_TRUE(wait_until([&] { return std::ranges::all_of(strangers, is_cut); }));
  const auto refused = [&beta](const std::string& reason) {
    return metric(beta.metrics, "shoal_connections_refused_total", "reason=\"" + reason + "\"");
  };
  EXPECT_GT(refused("too_many"), 0.0);
  EXPECT_GT(refused("no_call_in_time"), 0.0);
  EXPECT_TRUE(wait_until([&] { return metric(beta.metrics, "shoal_connections") <= 1.0; }));
  alpha.client->send(alpha.node(), beta.node(), random_frame("mix", 1, 100));
  EXPECT_EQ(beta.sink.wait_frames(2).size(), 2u);
}

}  // namespace
}  // namespace shoal
