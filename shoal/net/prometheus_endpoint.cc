#include "shoal/net/prometheus_endpoint.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>

#include "shoal/net/grpc/credentials.h"
#include "shoal/net/limits.h"

namespace shoal {
namespace {

constexpr int kCallersWaitingMax = 8;

class Descriptor {
 public:
  explicit Descriptor(int file = -1) : file_(file) {}
  Descriptor(Descriptor&& other) noexcept : file_(std::exchange(other.file_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(file_, other.file_);
    return *this;
  }
  ~Descriptor() {
    if (file_ >= 0) ::close(file_);
  }
  int get() const { return file_; }

 private:
  int file_;
};

Result<Descriptor> listen_on(const std::string& listen) {
  const std::size_t colon = listen.rfind(':');
  if (colon == std::string::npos || colon + 1 == listen.size())
    return invalid_argument(fmt::format("\"{}\" is not an address; write HOST:PORT", listen));
  if (!is_loopback(listen))
    return invalid_argument(fmt::format(
        "{} is not a loopback address; metrics are shown on this machine only", listen));
  std::string host = listen.substr(0, colon);
  if (host.front() == '[') host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int code = getaddrinfo(host.c_str(), listen.c_str() + colon + 1, &hints, &found);
  if (code != 0)
    return invalid_argument(fmt::format("cannot listen on {}: {}", listen, gai_strerror(code)));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> address(found, &freeaddrinfo);
  Descriptor socket(::socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(socket.get(), address->ai_addr, address->ai_addrlen) != 0 ||
      ::listen(socket.get(), kCallersWaitingMax) != 0)
    return io_error(fmt::format("cannot listen on {}: {}", listen, std::strerror(errno)));
  return socket;
}

std::string response(std::string_view request, const Metrics& metrics) {
  const bool known = request.starts_with("GET /metrics ") || request.starts_with("GET /metrics?");
  const std::string body = known ? metrics.text() : "the metrics are at /metrics\n";
  return fmt::format(
      "HTTP/1.1 {}\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\n"
      "Connection: close\r\n\r\n{}",
      known ? "200 OK" : "404 Not Found", body.size(), body);
}

}  // namespace

struct PrometheusEndpoint::State {
  using Clock = std::chrono::steady_clock;

  State(Descriptor listening, const Metrics& shown)
      : socket(std::move(listening)), wake(eventfd(0, EFD_CLOEXEC)), metrics(shown) {}

  // Whether the file is ready before the deadline; false also when we are to stop.
  bool ready(int file, short events, Clock::time_point deadline) const {
    pollfd files[] = {{file, events, 0}, {wake.get(), POLLIN, 0}};
    while (!stop.load()) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
      const int count = poll(files, 2, static_cast<int>(std::max<long>(0, left.count())));
      if (count < 0 && errno == EINTR) continue;
      return count > 0 && files[0].revents != 0 && files[1].revents == 0;
    }
    return false;
  }

  void answer(const Descriptor& caller) const {
    const auto deadline = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                             std::chrono::duration<double>(kMetricsDeadline_s));
    std::string request;
    while (request.find("\r\n\r\n") == std::string::npos) {
      char piece[1024];
      if (!ready(caller.get(), POLLIN, deadline)) return;
      const ssize_t count = recv(caller.get(), piece, sizeof piece, MSG_DONTWAIT);
      if (count <= 0) return;
      request.append(piece, static_cast<std::size_t>(count));
      if (request.size() > kMetricsRequestBytesMax) return;
    }
    const std::string text = response(request, metrics);
    std::string_view left = text;
    while (!left.empty() && ready(caller.get(), POLLOUT, deadline)) {
      const ssize_t count =
          ::send(caller.get(), left.data(), left.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (count <= 0) return;
      left.remove_prefix(static_cast<std::size_t>(count));
    }
  }

  void serve() const {
    while (!stop.load()) {
      if (!ready(socket.get(), POLLIN, Clock::now() + std::chrono::hours(1))) continue;
      const Descriptor caller(accept4(socket.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (caller.get() >= 0) answer(caller);
    }
  }

  Descriptor socket;
  Descriptor wake;
  const Metrics& metrics;
  std::atomic<bool> stop{false};
  std::thread thread;
};

PrometheusEndpoint::PrometheusEndpoint(std::unique_ptr<State> state) : state_(std::move(state)) {
  state_->thread = std::thread([state = state_.get()] { state->serve(); });
}

PrometheusEndpoint::~PrometheusEndpoint() {
  state_->stop.store(true);
  eventfd_write(state_->wake.get(), 1);
  state_->thread.join();
}

Result<std::unique_ptr<PrometheusEndpoint>> PrometheusEndpoint::start(const std::string& listen,
                                                                      const Metrics& metrics) {
  SHOAL_TRY(Descriptor socket, listen_on(listen));
  auto state = std::make_unique<State>(std::move(socket), metrics);
  return std::unique_ptr<PrometheusEndpoint>(new PrometheusEndpoint(std::move(state)));
}

int PrometheusEndpoint::port() const {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  getsockname(state_->socket.get(), reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.ss_family == AF_INET6
                   ? reinterpret_cast<const sockaddr_in6&>(address).sin6_port
                   : reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

}  // namespace shoal
