// FaultyProxy: a bad network between a server and its members: TCP connections of this machine
// that are delayed, slow, cut, reset, swallowed or garbled. What it does is drawn from a seed; when
// it does it depends on the machine.
#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <thread>

#include "shoal/base/random.h"

namespace shoal::real {

struct Faults {
  double delay_s = 0.0;         // of every chunk, one way
  double delay_spread_s = 0.0;  // and up to so much more
  double bits_per_s = 0.0;      // of each direction of a connection; 0: no limit
  double corrupt = 0.0;         // share of chunks in which one bit is flipped
  double cut = 0.0;             // share of chunks of which half arrives, then the end
  double reset = 0.0;           // share of chunks upon which the connection is reset
  bool black_hole = false;      // nothing arrives and nothing is closed
};

class FaultyProxy {
 public:
  // Accepts connections on a port of its own and leads them to target, HOST:PORT.
  FaultyProxy(const std::string& target, std::uint64_t seed);
  ~FaultyProxy();
  FaultyProxy(const FaultyProxy&) = delete;
  FaultyProxy& operator=(const FaultyProxy&) = delete;

  int port() const { return port_; }
  // From now on, for all connections.
  void set(const Faults& faults);
  void reset_all();  // every connection that there is

  std::uint64_t connections() const { return connections_; }
  std::uint64_t chunks() const { return chunks_; }
  std::uint64_t corrupted() const { return corrupted_; }
  std::uint64_t broken() const { return broken_; }  // cut or reset

 private:
  struct Connection;
  void accept_all();
  void pump(Connection& connection, bool up);
  bool pass(Connection& connection, bool up, char* chunk, std::size_t size);
  void sweep();

  const int target_port_;
  const std::uint64_t seed_;
  int listener_ = -1;
  int port_ = 0;
  std::mutex mutex_;
  Faults faults_;
  std::list<Connection> all_;
  std::atomic<std::uint64_t> connections_{0};
  std::atomic<std::uint64_t> chunks_{0};
  std::atomic<std::uint64_t> corrupted_{0};
  std::atomic<std::uint64_t> broken_{0};
  std::atomic<bool> over_{false};
  std::thread acceptor_;
};

}  // namespace shoal::real
