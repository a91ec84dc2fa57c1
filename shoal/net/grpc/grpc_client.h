// GrpcClient: one member of a run, as a transport.
//
// It joins (with back-off and jitter until the server answers), then keeps a Receive stream open
// and sends frames, each on a call of its own with the deadline that its size allows. What it has
// sent to the server it keeps until the round is committed there, and sends again after a
// reconnect, so a server that was killed loses nothing. Where the run has peers, it offers Send
// itself and dials the peers the server has introduced.
#pragma once

#include <memory>
#include <string>

#include "shoal/net/grpc/grpc_server.h"

namespace shoal {

struct GrpcClientSettings {
  std::string server;  // HOST:PORT
  TlsFiles tls;        // without it only loopback addresses are accepted
  std::string name;
  std::uint64_t rows = 0;         // of its own data; 0: takes its share of the experiment's data
  std::string listen;             // HOST:PORT for peers, port 0 takes a free one; empty: none
  double give_up_s = 600.0;       // no server for so long: the run is over for us
  std::uint64_t jitter_seed = 0;  // of back-off only; results do not depend on it
  std::uint64_t frame_bytes_max = std::uint64_t{4} << 30;  // of what comes; larger ones are dropped
  GrpcTimes times;
};

struct Joined {
  std::string run;
  std::string server;  // its name
  NodeId node = 0;
  std::string experiment;  // TOML
  std::uint64_t incarnation = 0;
  Step round = 0;
  bool begun = false;  // the run, before we came
};

class GrpcClient : public Transport {
 public:
  // Blocks until the server has given us a place or refused, or give_up_s have passed.
  static Result<std::unique_ptr<GrpcClient>> join(const GrpcClientSettings& settings,
                                                  Metrics& metrics);
  ~GrpcClient() override;

  const Joined& joined() const;
  // Opens the Receive stream (and, with `gate`, our own Send for peers).
  Status start(FrameSink& sink, Gate* gate);
  // Where to begin in a run under way without our own state (node/newcomer.h), a frame of at most
  // bytes_max bytes, not otherwise looked at. Blocks; tried anew kRetriesMax times.
  Result<Frame> fetch_newcomer(std::uint64_t bytes_max);
  // Blocks until the run has begun; false when the server was gone for give_up_s.
  bool wait_started();
  // Why nothing can be sent any more (the server has been gone too long, or has thrown us out).
  Status broken() const;
  void leave();

  // Transport.
  void send(NodeId from, NodeId to, const Frame& frame) override;
  void observe(NodeId from, Bytes observation) override;
  void drain(double patience_s) override;

 private:
  struct State;
  explicit GrpcClient(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace shoal
