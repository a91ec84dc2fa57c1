// The endpoint as a caller of HTTP sees it.
#include "shoal/net/prometheus_endpoint.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace shoal {
namespace {

class Caller {
 public:
  explicit Caller(int port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  ~Caller() { close(socket_); }
  bool connected() const { return connected_; }
  void say(const std::string& text) {
    EXPECT_EQ(send(socket_, text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  std::string hear() {
    std::string all;
    char piece[4096];
    for (ssize_t count; (count = recv(socket_, piece, sizeof piece, 0)) > 0;)
      all.append(piece, static_cast<std::size_t>(count));
    return all;
  }

 private:
  int socket_;
  bool connected_ = false;
};

TEST(PrometheusEndpoint, ShowsTheMetrics) {
  Metrics metrics;
  metrics.set("shoal_round", 7);
  const auto endpoint = PrometheusEndpoint::start("127.0.0.1:0", metrics);
  ASSERT_TRUE(endpoint.ok()) << endpoint.error().message;
  for (const double round : {8.0, 9.0}) {
    metrics.set("shoal_round", round);
    Caller caller((*endpoint)->port());
    ASSERT_TRUE(caller.connected());
    caller.say("GET /met");
    caller.say("rics HTTP/1.1\r\nHost: here\r\n\r\n");
    const std::string answer = caller.hear();
    EXPECT_EQ(answer.find("HTTP/1.1 200 OK\r\n"), 0U) << answer;
    EXPECT_EQ(answer.substr(answer.find("\r\n\r\n") + 4), metrics.text());
  }
}

TEST(PrometheusEndpoint, ShowsNothingElse) {
  Metrics metrics;
  const auto endpoint = PrometheusEndpoint::start("localhost:0", metrics);
  ASSERT_TRUE(endpoint.ok()) << endpoint.error().message;
  Caller other((*endpoint)->port());
  if (other.connected()) {
    other.say("GET /secrets HTTP/1.1\r\n\r\n");
    EXPECT_EQ(other.hear().find("HTTP/1.1 404"), 0U);
    Caller endless((*endpoint)->port());
    endless.say(std::string(64 << 10, 'x'));
    EXPECT_EQ(endless.hear(), "");
  }
}

TEST(PrometheusEndpoint, SaysWhyItCannotListen) {
  Metrics metrics;
  const auto beyond = PrometheusEndpoint::start("0.0.0.0:0", metrics);
  EXPECT_NE(beyond.error().message.find("on this machine only"), std::string::npos);
  const auto endpoint = PrometheusEndpoint::start("127.0.0.1:0", metrics);
  ASSERT_TRUE(endpoint.ok());
  const auto taken =
      PrometheusEndpoint::start("127.0.0.1:" + std::to_string((*endpoint)->port()), metrics);
  EXPECT_NE(taken.error().message.find("Address already in use"), std::string::npos);
  EXPECT_NE(PrometheusEndpoint::start("127.0.0.1", metrics).error().message.find("HOST:PORT"),
            std::string::npos);
}

}  // namespace
}  // namespace shoal
