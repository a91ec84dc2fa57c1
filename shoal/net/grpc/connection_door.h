// ConnectionDoor: takes the connections of a gRPC server, a member's own one too, and bounds them.
//
// It listens and accepts itself, and hands gRPC what it lets in. A connection is a stranger's until
// a call on it has passed the gate: at most so many are open at a time, in all and from one address
// (more are reset at once), each for at most handshake_s. That cuts handshakes that come a byte at
// a time as well as connections that say nothing. From loopback, where a machine's own members all
// share an address, only the bound in all counts.
//
// A client, that is the name in a certificate, keeps kConnectionsPerClientMax connections: its
// newest. One more ends its oldest, which after a network that went away may be open on our side
// alone. Without certificates nobody is known; such runs are served on loopback only.
//
// Nothing of its own goes over the wire. A connection costs one more descriptor, a copy that tells
// of its end, and some 300 bytes; one thread waits for all of them.
#pragma once

#include <atomic>
#include <cstdint>
#include <grpcpp/server_builder.h>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "shoal/base/result.h"
#include "shoal/net/gate.h"
#include "shoal/net/limits.h"
#include "shoal/net/metrics.h"

namespace shoal {

struct DoorLimits {
  std::size_t strangers_max = kUnauthenticatedConnectionsMax;
  std::size_t strangers_per_address_max = kUnauthenticatedConnectionsPerAddressMax;
  std::size_t connections_per_client_max = kConnectionsPerClientMax;
  double handshake_s = kHandshakeTimeout_s;
};

// A descriptor that is closed at its end; -1 holds none.
class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept : number_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  int get() const { return number_; }
  int release();

 private:
  int number_;
};

class ConnectionDoor {
 public:
  // Takes the address HOST:PORT; port 0 takes a free one. Metrics outlive the door.
  static Result<std::unique_ptr<ConnectionDoor>> listen(const std::string& address,
                                                        const DoorLimits& limits, Metrics& metrics);
  ~ConnectionDoor();

  int port() const { return port_; }
  // Before the server is built, and once it runs.
  void attach(grpc::ServerBuilder& builder,
              const std::shared_ptr<grpc::ServerCredentials>& credentials);
  void start();
  // A call of this peer has passed the gate. From any thread.
  void admitted(const PeerIdentity& peer);
  // Takes no more and cuts strangers; gRPC keeps the others. Call it before the server shuts down.
  void stop();

 private:
  using Id = std::uint64_t;
  struct Connection {
    Descriptor copy;
    std::string peer;  // "127.0.0.1 4711"
    std::string host;
    std::string client;  // the name in its certificate; empty without one
    bool stranger = true;
    double until_s = 0.0;  // of a stranger
  };

  ConnectionDoor(const DoorLimits& limits, Metrics& metrics) : limits_(limits), metrics_(metrics) {}
  Status take_address(const std::string& host, const std::string& port);
  bool watch(int descriptor, Id id, std::uint32_t events);
  void watch_listeners(bool open);
  void work();
  void accept_some(int listener);
  void let_in(Descriptor socket, std::string host, std::string peer);
  // Why a stranger from there is not let in, null when it is; under the lock.
  const char* excess(const std::string& host) const;
  void no_stranger(Id id, Connection& connection);  // under the lock
  // Counts it as that client's; the client's oldest goes when there are too many. Under the lock.
  void belongs_to(const std::string& client, Id id);
  void cut(Id id, const char* reason);  // under the lock
  void ended(Id id);                    // under the lock
  void cut_slow();
  int wait_ms();

  const DoorLimits limits_;
  Metrics& metrics_;
  int port_ = 0;
  Descriptor epoll_;
  Descriptor wake_;
  std::vector<Descriptor> listeners_;
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor_;
  std::thread thread_;
  std::atomic<bool> stopping_{false};
  double open_again_s_ = 0.0;  // when descriptors had run out; 0 while listening

  std::mutex mutex_;
  Id next_id_ = 0;
  std::map<Id, Connection> connections_;
  std::map<std::string, Id> of_peer_;
  std::map<std::string, std::size_t> strangers_of_host_;
  std::map<std::string, std::vector<Id>> of_client_;  // oldest first
  std::set<std::pair<double, Id>> strangers_;         // by the time they have until
};

}  // namespace shoal
