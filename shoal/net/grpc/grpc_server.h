// GrpcServer: the server of a run, as a transport: members come to it, it never dials them.
//
// Wire: shoal.proto. A frame goes down on the member's Receive stream and up on a Send call of its
// own, in pieces of at most 1 MiB. Memory: frames that go out are shared by all receivers; bodies
// that come in are held whole, but no more of them at a time than 512 KiB for every present member
// (and never less than one frame): the others wait on their side, see upload_budget.h.
//
// The newest frame of each tag is kept for every member and sent again when its stream is opened
// anew, so neither a lost connection nor a restart of a member loses a round.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "shoal/net/gate.h"
#include "shoal/net/limits.h"
#include "shoal/net/metrics.h"
#include "shoal/net/transport.h"

namespace shoal {

// PEM files of one party; read again when they change, so keys rotate without a restart.
struct TlsFiles {
  std::string certificate;  // our chain
  std::string key;
  std::string authority;  // whom we trust
  bool given() const { return !certificate.empty(); }
};

// The times of net/limits.h; tests shorten them.
struct GrpcTimes {
  double control_deadline_s = kControlDeadline_s;  // also of a frame's head
  double handshake_s = kHandshakeTimeout_s;        // until the first call that is let in
  double upload_grace_s = kUploadGrace_s;
  double upload_bytes_per_second_min = kUploadBytesPerSecondMin;
  double heartbeat_s = kHeartbeat_s;
  double silence_s = kSilence_s;
  double files_look_s = kRevocationCheck_s;  // at a caller's own certificates
  double backoff_first_s = kBackoffFirst_s;
  double backoff_last_s = kBackoffLast_s;
};

struct GrpcServerSettings {
  std::string listen;  // HOST:PORT; port 0 takes a free one
  TlsFiles tls;        // without it only loopback addresses are accepted
  std::string run;
  std::string server;      // our name, "server" by default
  std::string experiment;  // TOML that joiners are given
  std::uint64_t incarnation = 1;
  bool begun = false;  // by an earlier incarnation
  std::uint64_t frame_bytes_max = 0;
  std::uint64_t observation_bytes_max = kFrameOverheadBytesMax;  // of one that a member sends
  // Frames that were delivered count as held until the program has let go of them.
  bool count_until_used = false;
  // Of connections on which no call has passed the gate yet; from loopback only the first counts.
  std::size_t strangers_max = kUnauthenticatedConnectionsMax;
  std::size_t strangers_per_address_max = kUnauthenticatedConnectionsPerAddressMax;
  GrpcTimes times;
};

class GrpcServer : public Transport {
 public:
  // Gate, sink and metrics outlive the server. Fails when the address is taken, is not loopback and
  // there are no certificates, or a PEM file cannot be used.
  static Result<std::unique_ptr<GrpcServer>> start(const GrpcServerSettings& settings, Gate& gate,
                                                   FrameSink& sink, Metrics& metrics);
  ~GrpcServer() override;

  // With the port that was taken.
  std::string address() const;
  // Rounds that are durable; members drop what they kept for them.
  void committed(Step rounds);
  // The run has begun: peers are introduced to each other, and later changes announced.
  void started();
  void on_status(std::function<std::string()> status_json);
  // Makes what a newcomer is told (node/newcomer.h); called from any thread. Unset: there are none.
  void on_newcomer(std::function<Frame(NodeId)> make_newcomer);
  // Tells members, lets calls in progress end, then closes.
  void shut_down(double patience_s);

  // Transport.
  void send(NodeId from, NodeId to, const Frame& frame) override;
  void observe(NodeId from, Bytes observation) override;
  void drain(double patience_s) override;

 private:
  struct State;
  explicit GrpcServer(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace shoal
