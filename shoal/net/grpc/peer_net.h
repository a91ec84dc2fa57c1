// PeerNet: a member among its peers. It offers Send on an address of its own and dials those peers
// that the server has introduced, each over a channel of its own that expects a certificate under
// the peer's name.
//
// The address is taken before the member joins (the server tells it to the others), frames are
// taken from start() on; before that Send answers UNAVAILABLE and the peers try again.
#pragma once

#include <grpcpp/server.h>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "shoal/net/grpc/connection_door.h"
#include "shoal/net/grpc/federation_service.h"
#include "shoal/net/grpc/frame_sender.h"
#include "shoal/net/grpc/grpc_client.h"

namespace shoal {

class PeerNet {
 public:
  // The host of settings.listen must be one that peers can dial.
  static Result<std::unique_ptr<PeerNet>> listen(const GrpcClientSettings& settings,
                                                 Metrics& metrics);
  ~PeerNet();
  const std::string& address() const { return address_; }

  void start(const Joined& joined, FrameSink& sink, Gate& gate);
  // New peers, new addresses, new keys.
  void introduced(const wire::Notice& notice);
  // Dials anew with the keys that our files hold now.
  void keys_changed();
  // False when the node is no peer.
  bool send(NodeId from, NodeId to, const Frame& frame);
  bool idle() const;
  void close();

 private:
  struct PeerLink {
    std::string name;
    std::string address;
    std::shared_ptr<CallGroup> calls;
    std::shared_ptr<FrameSender> sender;
  };

  PeerNet(const GrpcClientSettings& settings, Metrics& metrics)
      : settings_(settings), metrics_(metrics) {}
  void dial(const wire::Peer& peer);  // under the lock

  const GrpcClientSettings settings_;
  Metrics& metrics_;
  std::string address_;
  Joined joined_;
  Gate* gate_ = nullptr;
  std::shared_ptr<FederationService> service_;
  std::unique_ptr<ConnectionDoor> door_;
  std::unique_ptr<grpc::Server> server_;
  std::shared_ptr<Intake> intake_;
  mutable std::mutex mutex_;
  bool closed_ = false;
  std::map<NodeId, PeerLink> peers_;
};

}  // namespace shoal
