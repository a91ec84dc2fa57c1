#include "shoal/net/prometheus_endpoint.h"

#include <algorithm>
#include <dlfcn.h>
#include <exception>
#include <fmt/format.h>
#include <prometheus/collectable.h>
#include <prometheus/exposer.h>
#include <prometheus/metric_family.h>
#include <pthread.h>
#include <utility>
#include <vector>

#include "shoal/net/grpc/credentials.h"

// The web server inside prometheus-cpp starts its threads with stacks of 100 KiB, which is less
// than the thread-local storage of LibTorch alone: they would not start in a program that holds
// both, and it gives no way to ask for more. So this program's stacks are never smaller than a
// mebibyte.
extern "C" int pthread_attr_setstacksize(pthread_attr_t* attributes, std::size_t bytes) noexcept {
  using Next = int (*)(pthread_attr_t*, std::size_t);
  static const Next next = reinterpret_cast<Next>(dlsym(RTLD_NEXT, "pthread_attr_setstacksize"));
  return next(attributes, std::max(bytes, std::size_t{1} << 20));
}

namespace shoal {
namespace {

constexpr std::size_t kThreads = 2;

// Of one label: reason="stale_round"
std::vector<prometheus::ClientMetric::Label> labels_of(const std::string& text) {
  const std::size_t equals = text.find("=\"");
  if (equals == std::string::npos || text.back() != '"') return {};
  return {{text.substr(0, equals), text.substr(equals + 2, text.size() - equals - 3)}};
}

class Collected final : public prometheus::Collectable {
 public:
  explicit Collected(const Metrics& metrics) : metrics_(metrics) {}

  std::vector<prometheus::MetricFamily> Collect() const override {
    std::vector<prometheus::MetricFamily> families;
    for (const MetricSample& sample : metrics_.samples()) {
      if (families.empty() || families.back().name != sample.name) {
        families.emplace_back();
        families.back().name = sample.name;
        families.back().help = sample.help;
        families.back().type =
            sample.counter ? prometheus::MetricType::Counter : prometheus::MetricType::Gauge;
      }
      prometheus::ClientMetric metric;
      metric.label = labels_of(sample.labels);
      (sample.counter ? metric.counter.value : metric.gauge.value) = sample.value;
      families.back().metric.push_back(std::move(metric));
    }
    return families;
  }

 private:
  const Metrics& metrics_;
};

}  // namespace

struct PrometheusEndpoint::State {
  std::shared_ptr<Collected> collected;
  std::unique_ptr<prometheus::Exposer> exposer;
};

PrometheusEndpoint::PrometheusEndpoint(std::unique_ptr<State> state) : state_(std::move(state)) {}
PrometheusEndpoint::~PrometheusEndpoint() = default;

Result<std::unique_ptr<PrometheusEndpoint>> PrometheusEndpoint::start(const std::string& listen,
                                                                      const Metrics& metrics) {
  if (!is_loopback(listen))
    return invalid_argument(fmt::format(
        "{} is not a loopback address; metrics are shown on this machine only", listen));
  auto state = std::make_unique<State>();
  state->collected = std::make_shared<Collected>(metrics);
  try {
    state->exposer = std::make_unique<prometheus::Exposer>(listen, kThreads);
  } catch (const std::exception& error) {
    return io_error(fmt::format("cannot listen on {}: {}", listen, error.what()));
  }
  state->exposer->RegisterCollectable(state->collected);
  return std::unique_ptr<PrometheusEndpoint>(new PrometheusEndpoint(std::move(state)));
}

int PrometheusEndpoint::port() const { return state_->exposer->GetListeningPorts().front(); }

}  // namespace shoal
