// Stands in for shoal/net/grpc in a build without gRPC: the same names, each with an error that
// says what to install.
#include "shoal/net/grpc/grpc_client.h"
#include "shoal/net/grpc/grpc_server.h"
#include "shoal/net/grpc/status_call.h"
#include "shoal/net/prometheus_endpoint.h"

namespace shoal {
namespace {

Error refuse() {
  return unsupported(
      "this build has no gRPC; install libgrpc++-dev, protobuf-compiler and "
      "protobuf-compiler-grpc, and configure with -DSHOAL_WITH_GRPC=ON");
}

[[noreturn]] void unreachable() {
  invariant_broken(__FILE__, __LINE__, "has gRPC", "nobody can hold a transport without gRPC");
}

}  // namespace

Result<std::string> fetch_status(const std::string&, const TlsFiles&) { return refuse(); }

struct PrometheusEndpoint::State {};
PrometheusEndpoint::~PrometheusEndpoint() = default;
Result<std::unique_ptr<PrometheusEndpoint>> PrometheusEndpoint::start(const std::string&,
                                                                      const Metrics&) {
  return refuse();
}

struct GrpcServer::State {};
Result<std::unique_ptr<GrpcServer>> GrpcServer::start(const GrpcServerSettings&, Gate&, FrameSink&,
                                                      Metrics&) {
  return refuse();
}
GrpcServer::~GrpcServer() = default;
std::string GrpcServer::address() const { unreachable(); }
void GrpcServer::committed(Step) { unreachable(); }
void GrpcServer::started() { unreachable(); }
void GrpcServer::on_status(std::function<std::string()>) { unreachable(); }
void GrpcServer::shut_down(double) { unreachable(); }
void GrpcServer::send(NodeId, NodeId, const Frame&) { unreachable(); }
void GrpcServer::observe(NodeId, Bytes) { unreachable(); }
void GrpcServer::drain(double) { unreachable(); }

struct GrpcClient::State {};
Result<std::unique_ptr<GrpcClient>> GrpcClient::join(const GrpcClientSettings&, Metrics&) {
  return refuse();
}
GrpcClient::~GrpcClient() = default;
const Joined& GrpcClient::joined() const { unreachable(); }
Status GrpcClient::start(FrameSink&, Gate*) { unreachable(); }
bool GrpcClient::wait_started() { unreachable(); }
Status GrpcClient::broken() const { unreachable(); }
void GrpcClient::leave() { unreachable(); }
void GrpcClient::send(NodeId, NodeId, const Frame&) { unreachable(); }
void GrpcClient::observe(NodeId, Bytes) { unreachable(); }
void GrpcClient::drain(double) { unreachable(); }

}  // namespace shoal
