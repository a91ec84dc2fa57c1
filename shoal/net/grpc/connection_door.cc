#include "shoal/net/grpc/connection_door.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shoal/net/grpc/timer.h"

namespace shoal {
namespace {

constexpr std::uint64_t kWakeId = 0;  // then the listeners, then connections
constexpr std::uint64_t kFirstConnectionId = 1 << 10;
constexpr int kAcceptsInARow = 64;  // then ends and deadlines are looked at
constexpr double kOutOfDescriptorsPause_s = 0.1;

void set_option(int socket, int level, int option, int value) {
  setsockopt(socket, level, option, &value, sizeof value);
}

// Leaves nothing behind in the kernel, as closing in good order would.
void reset(Descriptor socket) {
  const linger at_once{1, 0};
  setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

struct Remote {
  std::string host;
  std::string port;
};

Remote remote_of(const sockaddr_storage& address, socklen_t size) {
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> port{};
  if (getnameinfo(reinterpret_cast<const sockaddr*>(&address), size, host.data(), host.size(),
                  port.data(), port.size(), NI_NUMERICHOST | NI_NUMERICSERV) != 0)
    return {};
  Remote remote{host.data(), port.data()};
  if (remote.host.starts_with("::ffff:")) remote.host.erase(0, 7);  // IPv4 on an IPv6 listener
  remote.host.resize(std::min(remote.host.size(), remote.host.find('%')));
  return remote;
}

// "127.0.0.1 4711" of "ipv4:127.0.0.1:4711", "::1 4711" of "ipv6:%5B::1%5D:4711".
std::string key_of(const std::string& peer) {
  const std::size_t first = peer.find(':');
  const std::size_t last = peer.rfind(':');
  if (first == last) return {};
  std::string host = peer.substr(first + 1, last - first - 1);
  if (host.starts_with("%5B")) host.erase(0, 3);
  if (host.starts_with("[")) host.erase(0, 1);
  host.resize(std::min({host.size(), host.find('%'), host.find(']')}));
  return host + " " + peer.substr(last + 1);
}

bool from_loopback(const std::string& host) { return host.starts_with("127.") || host == "::1"; }

int port_of(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.ss_family == AF_INET6
                   ? reinterpret_cast<const sockaddr_in6&>(address).sin6_port
                   : reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

// -1 with errno when it does not go.
Descriptor listener_at(const addrinfo& address) {
  Descriptor listener(socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (listener.get() < 0) return listener;
  set_option(listener.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (address.ai_family == AF_INET6) set_option(listener.get(), IPPROTO_IPV6, IPV6_V6ONLY, 0);
  // What gRPC would set on a listener of its own; connections inherit it.
  set_option(listener.get(), IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(listener.get(), IPPROTO_TCP, TCP_USER_TIMEOUT,
             static_cast<int>(kKeepaliveAnswer_s * 1e3));
  if (bind(listener.get(), address.ai_addr, address.ai_addrlen) == 0 &&
      ::listen(listener.get(), SOMAXCONN) == 0)
    return listener;
  return Descriptor();
}

}  // namespace

Descriptor::~Descriptor() {
  if (number_ >= 0) close(number_);
}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this != &other) {
    const Descriptor before(number_);
    number_ = other.release();
  }
  return *this;
}

int Descriptor::release() { return std::exchange(number_, -1); }

Result<std::unique_ptr<ConnectionDoor>> ConnectionDoor::listen(const std::string& address,
                                                               const DoorLimits& limits,
                                                               Metrics& metrics) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos)
    return invalid_argument(fmt::format("\"{}\" is not an address; write HOST:PORT", address));
  std::string host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  std::unique_ptr<ConnectionDoor> door(new ConnectionDoor(limits, metrics));
  door->epoll_ = Descriptor(epoll_create1(EPOLL_CLOEXEC));
  door->wake_ = Descriptor(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (door->epoll_.get() < 0 || door->wake_.get() < 0)
    return io_error(fmt::format("cannot listen on {}: {}", address, std::strerror(errno)));
  if (Status taken = door->take_address(host, address.substr(colon + 1)); !taken.ok())
    return io_error(fmt::format("cannot listen on {}: {}", address, taken.error().message));
  door->watch(door->wake_.get(), kWakeId, EPOLLIN);
  door->next_id_ = kFirstConnectionId;
  return door;
}

// A name like "localhost" may stand for several addresses: all that this machine has are taken.
Status ConnectionDoor::take_address(const std::string& host, const std::string& port) {
  addrinfo wish{};
  wish.ai_socktype = SOCK_STREAM;
  wish.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (const int code = getaddrinfo(host.c_str(), port.c_str(), &wish, &found); code != 0)
    return io_error(gai_strerror(code));
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> all(found, &freeaddrinfo);
  int trouble = EADDRNOTAVAIL;
  for (addrinfo* one = found; one != nullptr && listeners_.size() + 1 < kFirstConnectionId;
       one = one->ai_next) {
    auto& number = one->ai_family == AF_INET6
                       ? reinterpret_cast<sockaddr_in6*>(one->ai_addr)->sin6_port
                       : reinterpret_cast<sockaddr_in*>(one->ai_addr)->sin_port;
    if (number == 0) number = htons(static_cast<std::uint16_t>(port_));  // of the first, if any
    Descriptor listener = listener_at(*one);
    if (listener.get() >= 0) {
      port_ = port_of(listener.get());
      listeners_.push_back(std::move(listener));
      continue;
    }
    trouble = errno;
    if (trouble == EADDRINUSE) return io_error("the port is taken; is another server running?");
    if (trouble != EADDRNOTAVAIL && trouble != EAFNOSUPPORT)
      return io_error(std::strerror(trouble));
  }
  if (listeners_.empty()) return io_error(std::strerror(trouble));
  return ok_status();
}

ConnectionDoor::~ConnectionDoor() { stop(); }

void ConnectionDoor::attach(grpc::ServerBuilder& builder,
                            const std::shared_ptr<grpc::ServerCredentials>& credentials) {
  using Type = grpc::ServerBuilder::experimental_type::ExternalConnectionType;
  acceptor_ = builder.experimental().AddExternalConnectionAcceptor(Type::FROM_FD, credentials);
}

void ConnectionDoor::start() {
  watch_listeners(true);
  thread_ = std::thread([this] { work(); });
}

void ConnectionDoor::stop() {
  if (stopping_.exchange(true)) return;
  eventfd_write(wake_.get(), 1);
  if (thread_.joinable()) thread_.join();
  listeners_.clear();
  const std::lock_guard lock(mutex_);
  for (const auto& [until_s, id] : strangers_) shutdown(connections_.at(id).copy.get(), SHUT_RDWR);
  strangers_.clear();
  strangers_of_host_.clear();
  of_peer_.clear();
  of_client_.clear();
  connections_.clear();
  metrics_.set("shoal_connections", 0.0);
}

bool ConnectionDoor::watch(int descriptor, Id id, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = id;
  return epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, descriptor, &event) == 0;
}

void ConnectionDoor::watch_listeners(bool open) {
  for (std::size_t i = 0; i < listeners_.size(); ++i) {
    if (open)
      watch(listeners_[i].get(), i + 1, EPOLLIN);
    else
      epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, listeners_[i].get(), nullptr);
  }
  open_again_s_ = open ? 0.0 : steady_now_s() + kOutOfDescriptorsPause_s;
}

void ConnectionDoor::work() {
  std::array<epoll_event, 64> events{};
  while (!stopping_) {
    const int count =
        epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), wait_ms());
    for (int i = 0; i < count; ++i) {
      const Id id = events[static_cast<std::size_t>(i)].data.u64;
      if (id == kWakeId) continue;
      if (id < kFirstConnectionId) {
        accept_some(listeners_[id - 1].get());
        continue;
      }
      const std::lock_guard lock(mutex_);
      ended(id);
    }
    cut_slow();
    if (open_again_s_ > 0.0 && steady_now_s() >= open_again_s_) watch_listeners(true);
  }
}

int ConnectionDoor::wait_ms() {
  double until_s = open_again_s_ > 0.0 ? open_again_s_ : HUGE_VAL;
  {
    const std::lock_guard lock(mutex_);
    if (!strangers_.empty()) until_s = std::min(until_s, strangers_.begin()->first);
  }
  if (until_s == HUGE_VAL) return -1;
  return static_cast<int>(std::clamp((until_s - steady_now_s()) * 1e3 + 1.0, 0.0, 60e3));
}

void ConnectionDoor::accept_some(int listener) {
  for (int i = 0; i < kAcceptsInARow; ++i) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    Descriptor socket(accept4(listener, reinterpret_cast<sockaddr*>(&address), &size,
                              SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (socket.get() < 0) {
      const bool out = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
      if (out && open_again_s_ == 0.0) {
        metrics_.add("shoal_connections_refused_total", 1, "reason", "no_descriptors");
        watch_listeners(false);
      }
      return;
    }
    Remote remote = remote_of(address, size);
    std::string peer = remote.host + " " + remote.port;
    let_in(std::move(socket), std::move(remote.host), std::move(peer));
  }
}

const char* ConnectionDoor::excess(const std::string& host) const {
  if (strangers_.size() >= limits_.strangers_max) return "too_many";
  if (from_loopback(host)) return nullptr;
  const auto of_host = strangers_of_host_.find(host);
  if (of_host == strangers_of_host_.end()) return nullptr;
  return of_host->second >= limits_.strangers_per_address_max ? "too_many_of_address" : nullptr;
}

void ConnectionDoor::let_in(Descriptor socket, std::string host, std::string peer) {
  {
    const std::lock_guard lock(mutex_);
    const char* reason = excess(host);
    Descriptor copy(reason == nullptr ? fcntl(socket.get(), F_DUPFD_CLOEXEC, 0) : -1);
    // No events asked for: the end of both directions is always told.
    if (reason == nullptr && (copy.get() < 0 || !watch(copy.get(), next_id_, 0)))
      reason = "no_descriptors";
    if (reason != nullptr) {
      metrics_.add("shoal_connections_refused_total", 1, "reason", reason);
      return reset(std::move(socket));
    }
    const Id id = next_id_++;
    const double until_s = steady_now_s() + limits_.handshake_s;
    of_peer_[peer] = id;
    ++strangers_of_host_[host];
    strangers_.emplace(until_s, id);
    connections_.emplace(
        id, Connection{std::move(copy), std::move(peer), std::move(host), {}, true, until_s});
    metrics_.set("shoal_connections", static_cast<double>(connections_.size()));
  }
  grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
  connection.fd = socket.release();
  acceptor_->HandleNewConnection(&connection);
}

void ConnectionDoor::admitted(const PeerIdentity& peer) {
  const std::string key = key_of(peer.address);
  const std::lock_guard lock(mutex_);
  const auto known = of_peer_.find(key);
  if (known == of_peer_.end()) return;
  const Id id = known->second;
  no_stranger(id, connections_.at(id));
  if (peer.certified) belongs_to(peer.name, id);
}

void ConnectionDoor::no_stranger(Id id, Connection& connection) {
  if (!std::exchange(connection.stranger, false)) return;
  strangers_.erase({connection.until_s, id});
  const auto of_host = strangers_of_host_.find(connection.host);
  if (--of_host->second == 0) strangers_of_host_.erase(of_host);
}

void ConnectionDoor::belongs_to(const std::string& client, Id id) {
  Connection& connection = connections_.at(id);
  if (!connection.client.empty()) return;  // a connection shows one certificate
  connection.client = client;
  std::vector<Id>& all = of_client_[client];
  all.push_back(id);
  if (all.size() > limits_.connections_per_client_max) cut(all.front(), "too_many_of_client");
}

void ConnectionDoor::cut(Id id, const char* reason) {
  shutdown(connections_.at(id).copy.get(), SHUT_RDWR);
  metrics_.add("shoal_connections_refused_total", 1, "reason", reason);
  ended(id);
}

void ConnectionDoor::ended(Id id) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  Connection& connection = found->second;
  no_stranger(id, connection);
  // The copy leaves the set by name: closing it is not enough while gRPC still holds the other.
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, connection.copy.get(), nullptr);
  const auto of_peer = of_peer_.find(connection.peer);
  if (of_peer != of_peer_.end() && of_peer->second == id) of_peer_.erase(of_peer);
  const auto of_client = of_client_.find(connection.client);
  if (of_client != of_client_.end()) {
    std::erase(of_client->second, id);
    if (of_client->second.empty()) of_client_.erase(of_client);
  }
  connections_.erase(found);
  metrics_.set("shoal_connections", static_cast<double>(connections_.size()));
}

void ConnectionDoor::cut_slow() {
  const double now_s = steady_now_s();
  const std::lock_guard lock(mutex_);
  while (!strangers_.empty() && strangers_.begin()->first <= now_s)
    cut(strangers_.begin()->second, "no_call_in_time");
}

}  // namespace shoal
