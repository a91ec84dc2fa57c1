// The metrics as Prometheus fetches them: over a plain socket.
#include "shoal/net/prometheus_endpoint.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <string>
#include <sys/socket.h>
#include <unistd.h>

namespace shoal {
namespace {

std::string fetch(int port) {
  const int connection = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string text;
  if (::connect(connection, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0) {
    const std::string request =
        "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    EXPECT_EQ(::send(connection, request.data(), request.size(), 0),
              static_cast<ssize_t>(request.size()));
    char part[4096];
    for (ssize_t got; (got = ::recv(connection, part, sizeof(part), 0)) > 0;)
      text.append(part, static_cast<std::size_t>(got));
  }
  ::close(connection);
  return text;
}

TEST(PrometheusEndpoint, ShowsWhatIsCounted) {
  Metrics metrics;
  metrics.add("shoal_refusals_total", 3, "reason", "stale_round");
  metrics.add("shoal_refusals_total", 1, "reason", "malformed");
  metrics.set("shoal_round", 7);
  auto endpoint = PrometheusEndpoint::start("127.0.0.1:0", metrics);
  ASSERT_TRUE(endpoint.ok()) << endpoint.error().message;
  const std::string text = fetch((*endpoint)->port());
  EXPECT_NE(text.find("shoal_refusals_total{reason=\"stale_round\"} 3"), std::string::npos) << text;
  EXPECT_NE(text.find("shoal_refusals_total{reason=\"malformed\"} 1"), std::string::npos);
  EXPECT_NE(text.find("# TYPE shoal_refusals_total counter"), std::string::npos);
  EXPECT_NE(text.find("shoal_round 7"), std::string::npos);
}

TEST(PrometheusEndpoint, OnlyOnLoopbackAndOnAFreePort) {
  Metrics metrics;
  EXPECT_FALSE(PrometheusEndpoint::start("0.0.0.0:0", metrics).ok());
  auto first = PrometheusEndpoint::start("127.0.0.1:0", metrics);
  ASSERT_TRUE(first.ok());
  const auto taken = "127.0.0.1:" + std::to_string((*first)->port());
  EXPECT_FALSE(PrometheusEndpoint::start(taken, metrics).ok());
}

}  // namespace
}  // namespace shoal
