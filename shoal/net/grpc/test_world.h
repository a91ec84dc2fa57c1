// What the tests of the gRPC transport stand on: a server with a gate, a sink that remembers,
// frames.
#pragma once

#include <chrono>
#include <condition_variable>
#include <ctime>
#include <functional>
#include <gtest/gtest.h>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "shoal/base/clock.h"
#include "shoal/base/random.h"
#include "shoal/net/grpc/grpc_client.h"
#include "shoal/net/grpc/grpc_server.h"

namespace shoal::test {

constexpr double kPatience_s = 30.0;  // a test that waits longer hangs

class RememberingSink : public FrameSink {
 public:
  struct Delivered {
    NodeId from = 0;
    NodeId to = 0;
    Frame frame;
  };
  void deliver(NodeId from, NodeId to, Frame frame) override {
    const std::lock_guard lock(mutex_);
    delivered_.push_back({from, to, std::move(frame)});
    changed_.notify_all();
  }
  void observed(NodeId from, Bytes observation) override {
    const std::lock_guard lock(mutex_);
    observations_.emplace_back(from, std::move(observation));
    changed_.notify_all();
  }
  // The first `count` frames, or fewer when they do not come.
  std::vector<Delivered> wait_frames(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::duration<double>(kPatience_s),
                      [&] { return delivered_.size() >= count; });
    return delivered_;
  }
  std::vector<std::pair<NodeId, Bytes>> wait_observations(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::duration<double>(kPatience_s),
                      [&] { return observations_.size() >= count; });
    return observations_;
  }
  std::size_t frames() const {
    const std::lock_guard lock(mutex_);
    return delivered_.size();
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Delivered> delivered_;
  std::vector<std::pair<NodeId, Bytes>> observations_;
};

// A frame with one part of random bytes.
inline Frame random_frame(std::string_view name, Step round, std::size_t content_bytes,
                          std::uint64_t seed = 1) {
  RandomStream stream(seed, purpose("test frame"), 0, round);
  Bytes content(content_bytes);
  for (std::byte& byte : content) byte = static_cast<std::byte>(stream.bits32());
  MessageBuilder message(tag(name), round);
  message.tensor("x", content);
  return message.finish();
}

inline GrpcTimes quick_times() {
  GrpcTimes times;
  times.backoff_first_s = 0.02;
  times.backoff_last_s = 0.2;
  times.heartbeat_s = 0.2;
  return times;
}

inline bool wait_until(const std::function<bool()>& condition) {
  const double until_s = steady_now_s() + kPatience_s;
  while (!condition()) {
    if (steady_now_s() > until_s) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

struct ServerParty {
  explicit ServerParty(std::size_t places = 4, bool certificates = false) {
    GateSettings gate_settings;
    gate_settings.run = "run-1";
    gate_settings.server = "server";
    gate_settings.certificates = certificates;
    gate_settings.places = places;
    gate_settings.frame_bytes_max = std::uint64_t{16} << 20;
    gate = std::make_unique<Gate>(
        gate_settings, [](const Message&, const Member&) { return ok_status(); }, steady_now_s,
        [] { return static_cast<std::int64_t>(std::time(nullptr)); });
    gate->open_round(0);
    settings.listen = "127.0.0.1:0";
    settings.run = gate_settings.run;
    settings.server = gate_settings.server;
    settings.experiment = "name = \"test\"\n";
    settings.frame_bytes_max = gate_settings.frame_bytes_max;
    settings.observation_bytes_max = gate_settings.frame_bytes_max;
    settings.times = quick_times();
  }
  void start() {
    auto started = GrpcServer::start(settings, *gate, sink, metrics);
    ASSERT_TRUE(started.ok()) << started.error().message;
    server = std::move(started).value();
    settings.listen = server->address();  // the same again after a restart
  }

  std::unique_ptr<Gate> gate;
  RememberingSink sink;
  Metrics metrics;
  GrpcServerSettings settings;
  std::unique_ptr<GrpcServer> server;
};

struct ClientParty {
  ClientParty(const std::string& server, const std::string& name) {
    settings.server = server;
    settings.name = name;
    settings.times = quick_times();
    settings.give_up_s = kPatience_s;
  }
  Status join() {
    auto joined = GrpcClient::join(settings, metrics);
    if (!joined) return joined.error();
    client = std::move(joined).value();
    return ok_status();
  }
  void start() {
    const Status joined = join();
    ASSERT_TRUE(joined.ok()) << joined.error().message;
    ASSERT_TRUE(client->start(sink, nullptr).ok());
  }
  NodeId node() const { return client->joined().node; }

  RememberingSink sink;
  Metrics metrics;
  GrpcClientSettings settings;
  std::unique_ptr<GrpcClient> client;
};

// A member that listens for its peers, and has a gate of its own.
struct PeerParty : ClientParty {
  PeerParty(const std::string& server, const std::string& name) : ClientParty(server, name) {
    settings.listen = "127.0.0.1:0";
  }
  void start_among(std::size_t places) {
    const Status joined = join();
    ASSERT_TRUE(joined.ok()) << joined.error().message;
    GateSettings gate_settings;
    gate_settings.run = client->joined().run;
    gate_settings.server = settings.name;
    gate_settings.self = node();
    gate_settings.places = places;
    gate_settings.frame_bytes_max = std::uint64_t{16} << 20;
    gate_settings.only_current_round = false;
    gate = std::make_unique<Gate>(
        gate_settings, [](const Message&, const Member&) { return ok_status(); }, steady_now_s,
        [] { return static_cast<std::int64_t>(std::time(nullptr)); });
    const Status started = client->start(sink, gate.get());
    ASSERT_TRUE(started.ok()) << started.error().message;
  }
  ~PeerParty() { client.reset(); }  // before the gate

  std::unique_ptr<Gate> gate;
};

inline double metric(const Metrics& metrics, const std::string& name,
                     const std::string& labels = "") {
  for (const MetricSample& sample : metrics.samples())
    if (sample.name == name && sample.labels == labels) return sample.value;
  return 0.0;
}

}  // namespace shoal::test
