#include "tests/real/faulty_proxy.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdexcept>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/real/federation.h"

namespace shoal::real {
namespace {

constexpr std::size_t kChunkBytes = 16384;
constexpr int kLookPeriod_ms = 50;
constexpr int kBacklog = 64;

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return address;
}

int listen_on(int port) {
  const int file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const sockaddr_in address = loopback(port);
  if (bind(file, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(file, kBacklog) != 0)
    throw std::runtime_error("the proxy cannot listen");
  return file;
}

bool send_all(int file, const char* bytes, std::size_t size) {
  while (size > 0) {
    const ssize_t sent = send(file, bytes, size, MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes += sent;
    size -= static_cast<std::size_t>(sent);
  }
  return true;
}

}  // namespace

// Two threads, one a direction.
struct FaultyProxy::Connection {
  int client = -1;
  int server = -1;
  std::uint64_t number = 0;
  std::atomic<bool> ended{false};
  std::atomic<int> running{2};
  std::thread up;
  std::thread down;

  // Both directions; with `hard` the peers get a reset.
  void end(bool hard) {
    if (ended.exchange(true)) return;
    const linger now{1, 0};
    for (const int file : {client, server}) {
      if (hard) setsockopt(file, SOL_SOCKET, SO_LINGER, &now, sizeof now);
      if (!hard) shutdown(file, SHUT_RDWR);
    }
  }
};

FaultyProxy::FaultyProxy(const std::string& target, std::uint64_t seed)
    : target_port_(std::stoi(target.substr(target.rfind(':') + 1))),
      seed_(seed),
      port_(free_port()) {
  listener_ = listen_on(port_);
  acceptor_ = std::thread([this] { accept_all(); });
}

FaultyProxy::~FaultyProxy() {
  over_ = true;
  acceptor_.join();
  close(listener_);
  for (Connection& connection : all_) {
    connection.end(true);
    connection.up.join();
    connection.down.join();
    close(connection.client);
    close(connection.server);
  }
}

void FaultyProxy::set(const Faults& faults) {
  const std::lock_guard lock(mutex_);
  faults_ = faults;
}

void FaultyProxy::reset_all() {
  const std::lock_guard lock(mutex_);
  for (Connection& connection : all_)
    if (!connection.ended) {
      connection.end(true);
      ++broken_;
    }
}

// Closes what has ended: only then is a reset sent.
void FaultyProxy::sweep() {
  const std::lock_guard lock(mutex_);
  for (auto i = all_.begin(); i != all_.end();) {
    if (i->running > 0) {
      ++i;
      continue;
    }
    i->up.join();
    i->down.join();
    close(i->client);
    close(i->server);
    i = all_.erase(i);
  }
}

void FaultyProxy::accept_all() {
  while (!over_) {
    sweep();
    pollfd wanted{listener_, POLLIN, 0};
    if (poll(&wanted, 1, kLookPeriod_ms) <= 0) continue;
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = loopback(target_port_);
    if (connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      close(client);
      close(server);
      continue;
    }
    const int on = 1;
    for (const int file : {client, server})
      setsockopt(file, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const std::lock_guard lock(mutex_);
    Connection& connection = all_.emplace_back();
    connection.client = client;
    connection.server = server;
    connection.number = connections_++;
    connection.up = std::thread([this, &connection] { pump(connection, true); });
    connection.down = std::thread([this, &connection] { pump(connection, false); });
  }
}

void FaultyProxy::pump(Connection& connection, bool up) {
  const int from = up ? connection.client : connection.server;
  std::array<char, kChunkBytes> chunk;
  while (!connection.ended) {
    pollfd wanted{from, POLLIN, 0};
    const int ready = poll(&wanted, 1, kLookPeriod_ms);
    if (ready < 0) break;
    if (ready == 0) continue;
    const ssize_t size = recv(from, chunk.data(), chunk.size(), 0);
    if (size <= 0) break;
    if (!pass(connection, up, chunk.data(), static_cast<std::size_t>(size))) break;
  }
  connection.end(false);
  --connection.running;
}

bool FaultyProxy::pass(Connection& connection, bool up, char* chunk, std::size_t size) {
  Faults faults;
  {
    const std::lock_guard lock(mutex_);
    faults = faults_;
  }
  RandomStream random(seed_, purpose("proxy"), static_cast<std::uint32_t>(connection.number),
                      static_cast<std::uint32_t>(chunks_++));
  const int to = up ? connection.server : connection.client;
  if (faults.black_hole) return true;
  sleep_s(faults.delay_s + faults.delay_spread_s * random.uniform() +
          (faults.bits_per_s > 0.0 ? 8.0 * static_cast<double>(size) / faults.bits_per_s : 0.0));
  const double fate = random.uniform();
  if (fate < faults.reset) {
    ++broken_;
    connection.end(true);
    return false;
  }
  if (fate < faults.reset + faults.cut) {
    ++broken_;
    send_all(to, chunk, size / 2);
    return false;
  }
  if (random.uniform() < faults.corrupt) {
    ++corrupted_;
    const auto bit = static_cast<std::size_t>(random.uniform() * 8.0 * static_cast<double>(size));
    chunk[bit / 8] = static_cast<char>(chunk[bit / 8] ^ (1 << (bit % 8)));
  }
  return send_all(to, chunk, size);
}

}  // namespace shoal::real
