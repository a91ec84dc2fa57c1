// Members at work while strangers open connections by the thousand and dial again whenever they
// are cut: 1,000 of them, or 10,000 in the long form. From loopback only the bound in all counts.
#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shoal/net/limits.h"

#include "tests/real/federation.h"

namespace shoal::real {
namespace {

constexpr double kPatience_s = 60.0;
constexpr int kInterrupted = 130;
constexpr double kGrowthBytesMax = 64.0 * (1 << 20);

// Stranger connections to one port of this machine, some of them with a byte now and then.
class Strangers {
 public:
  Strangers(const std::string& address, std::size_t count)
      : port_(std::stoi(address.substr(address.rfind(':') + 1))), sockets_(count, -1) {}
  ~Strangers() {
    for (const int socket : sockets_)
      if (socket >= 0) close(socket);
  }
  // Dials for whoever has been cut.
  void once() {
    for (std::size_t i = 0; i < sockets_.size(); ++i) {
      if (sockets_[i] >= 0 && is_cut(sockets_[i])) {
        close(sockets_[i]);
        sockets_[i] = -1;
      }
      if (sockets_[i] < 0) dial(sockets_[i]);
      if (i % 2 == 0) (void)!send(sockets_[i], "P", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
  }
  std::uint64_t dialled() const { return dialled_; }

 private:
  void dial(int& stranger) {
    stranger = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    ASSERT_GE(stranger, 0) << "descriptors have run out: ulimit -n";
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port_));
    (void)!connect(stranger, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    ++dialled_;
  }
  static bool is_cut(int stranger) {
    char bytes[256];
    ssize_t size = 0;
    while ((size = recv(stranger, bytes, sizeof bytes, 0)) > 0) {
    }
    return size == 0 || (errno != EAGAIN && errno != EINTR);
  }

  const int port_;
  std::vector<int> sockets_;
  std::uint64_t dialled_ = 0;
};

// Mean time of a round over duration_s, with something done all the while.
double round_time_s(Federation& run, double duration_s, const std::function<void()>& meanwhile) {
  const Step before = run.rounds_on_disk();
  const double began_s = steady_now_s();
  while (steady_now_s() < began_s + duration_s) meanwhile();
  const double passed_s = steady_now_s() - began_s;
  return passed_s / std::max(1.0, static_cast<double>(run.rounds_on_disk() - before));
}

TEST(Flood, StrangersDoNotStopTheRounds) {
  const auto count = static_cast<std::size_t>(soak_count(1'000, 10'000));
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  FederationSettings settings;
  settings.file = experiment_file("chaos.toml");
  settings.members = 5;
  settings.set = {"method.rounds=1000000", "report.every=1000", "nodes.count=5"};
  Federation run(std::move(settings));
  run.start();
  ASSERT_TRUE(run.waits_for_rounds(5, kPatience_s)) << file_text(run.log("server"));
  const double duration_s = soak_count(2, 30);
  const double alone_s = round_time_s(run, duration_s, [] { sleep_s(0.05); });
  const auto memory = static_cast<double>(run.server().memory_bytes());
  const std::size_t descriptors = run.server().descriptors();

  std::size_t most = 0;
  Strangers strangers(run.address(), count);
  const double beside_s = round_time_s(run, duration_s, [&] {
    strangers.once();
    most = std::max(most, run.server().descriptors());
    sleep_s(0.05);
  });
  const double growth = static_cast<double>(run.server().memory_bytes()) - memory;
  say("  {} strangers who dialled {} times: a round {:.1f} ms alone, {:.1f} ms beside them; "
      "descriptors of the server {} -> {} at most; memory {:.1f} MB, {:+.1f} MB\n",
      count, strangers.dialled(), alone_s * 1e3, beside_s * 1e3, descriptors, most, memory / 1e6,
      growth / 1e6);
  // Two descriptors a connection, and what is being reset.
  EXPECT_LE(most, descriptors + 2 * kUnauthenticatedConnectionsMax + 64);
  EXPECT_LT(growth, kGrowthBytesMax);
  const Step before = run.rounds_on_disk();
  EXPECT_TRUE(run.waits_for_rounds(before + 3, kPatience_s)) << file_text(run.log("server"));
  run.server().send_signal(SIGTERM);
  EXPECT_EQ(run.server().wait(kPatience_s), kInterrupted);
}

}  // namespace
}  // namespace shoal::real
