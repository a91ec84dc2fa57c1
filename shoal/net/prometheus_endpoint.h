// PrometheusEndpoint: the metrics of a process over HTTP, at /metrics, for Prometheus to fetch.
//
// It has no authentication and no TLS: only loopback addresses are accepted. One thread answers one
// caller after the other and closes; each has kMetricsDeadline_s and kMetricsRequestBytesMax.
#pragma once

#include <memory>
#include <string>

#include "shoal/base/result.h"
#include "shoal/net/metrics.h"

namespace shoal {

class PrometheusEndpoint {
 public:
  // `listen` is HOST:PORT of loopback; port 0 takes a free one. The metrics outlive the endpoint.
  static Result<std::unique_ptr<PrometheusEndpoint>> start(const std::string& listen,
                                                           const Metrics& metrics);
  ~PrometheusEndpoint();
  // The port that was taken.
  int port() const;

 private:
  struct State;
  explicit PrometheusEndpoint(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace shoal
