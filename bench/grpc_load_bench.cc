// The whole server of a run under load: members with updates of 4 MiB over mutual TLS on loopback.
//
//   grpc_load_bench [ROUNDS] [MEMBERS...]     default: 3 rounds of 10, 50, 200 and 500 members
//
// One process is the server (ServerRun: gate, journal, checkpoints, federated mean), another holds
// all members, which train nothing: each answers an invitation with a ready-made update, hashed and
// signed as always. Then the same bytes over the same connections by gRPC alone (raw_grpc.h).
//
// Columns: MB/s into the server while uploads run (from the first byte of a round to its last; the
// model still goes out to others meanwhile), MB/s in over the whole run (model out, checkpoints and
// all), MB/s out over the whole run; the server's peak memory beyond what it held before the first
// member came, and what it may take: 3 models and 2 MiB a member; CPU seconds of server and members
// for each GB in; gRPC alone: MB/s, CPU seconds. Prints figures, asserts nothing.
#include <atomic>
#include <chrono>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <malloc.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "shoal/base/clock.h"
#include "shoal/base/file.h"
#include "shoal/base/toml.h"
#include "shoal/method/federated.h"
#include "shoal/net/grpc/grpc_client.h"
#include "shoal/net/identity/certificate_authority.h"
#include "shoal/run/server_run.h"

#include "bench/peers/raw_grpc.h"

extern char** environ;

namespace shoal {
namespace {

constexpr std::size_t kModelSize = std::size_t{1} << 20;  // floats
constexpr std::uint64_t kMemberRows = 10;
constexpr double kMega = 1e6;
constexpr double kMebi = 1 << 20;
constexpr std::chrono::milliseconds kLook{2};

template <class T>
T must(Result<T> result) {
  if (result.ok()) return std::move(result).value();
  fmt::print(stderr, "{}\n", result.error().message);
  std::exit(1);
}
void must(const Status& status) {
  if (status.ok()) return;
  fmt::print(stderr, "{}\n", status.error().message);
  std::exit(1);
}

double cpu_s(int who) {
  rusage usage{};
  getrusage(who, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// "VmHWM" or "VmRSS" of this process, in bytes.
double memory_bytes(const std::string& field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.rfind(field + ":", 0) == 0) return std::stod(line.substr(field.size() + 1)) * 1024;
  return 0.0;
}

pid_t spawn(std::vector<std::string> arguments) {
  std::vector<char*> raw;
  for (std::string& argument : arguments) raw.push_back(argument.data());
  raw.push_back(nullptr);
  pid_t child = 0;
  if (posix_spawn(&child, "/proc/self/exe", nullptr, nullptr, raw.data(), environ) != 0)
    must(Status(io_error("cannot start a process")));
  return child;
}

void wait_for(pid_t child) {
  int status = 0;
  waitpid(child, &status, 0);
  if (status != 0) must(Status(io_error("a process of the benchmark failed")));
}

// --- Certificates ---

std::string name_of(std::size_t member) { return fmt::format("member-{}", member); }

TlsFiles files(const std::string& folder, const std::string& name) {
  const std::string kits = folder + "/kits/";
  return {kits + name + ".pem", kits + name + ".key", kits + "ca.pem"};
}

void issue_kits(const std::string& folder, std::size_t members) {
  const std::int64_t now_s = std::time(nullptr);
  must(CertificateAuthority::create(folder + "/ca", 30, now_s));
  must(make_folders(folder + "/kits"));
  CertificateAuthority authority = must(CertificateAuthority::open(folder + "/ca"));
  const auto issue = [&](const std::string& name, bool server) {
    const StartKit kit = must(authority.issue({name, server, {}, 10}, now_s));
    must(write_start_kit(kit, name, folder + "/kits", false));
  };
  issue("server", true);
  for (std::size_t i = 0; i < members; ++i) issue(name_of(i), false);
}

// --- Members ---

class LoadMember : public FrameSink {
 public:
  LoadMember(const std::string& address, const std::string& folder, std::size_t index,
             const std::vector<float>& update)
      : update_(update) {
    GrpcClientSettings settings;
    settings.server = address;
    settings.name = name_of(index);
    settings.tls = files(folder, settings.name);
    settings.rows = kMemberRows;
    settings.jitter_seed = index;
    client_ = must(GrpcClient::join(settings, metrics_));
    must(client_->start(*this, nullptr));
  }
  void deliver(NodeId from, NodeId to, Frame frame) override {
    const auto header = read_frame_header(*frame);
    if (header->tag == kGoodbyeTag) {
      done_ = true;
      return;
    }
    MessageBuilder message(kUpdateTag, header->round);
    message.tensor("update", std::as_bytes(std::span(update_)));
    message.count("rows", kMemberRows);
    frame.reset();
    client_->send(to, from, message.finish());
  }
  void observed(NodeId, Bytes) override {}
  bool done() const { return done_ || !client_->broken().ok(); }

 private:
  const std::vector<float>& update_;
  Metrics metrics_;
  std::atomic<bool> done_{false};
  std::unique_ptr<GrpcClient> client_;
};

void members(const std::string& address, const std::string& folder, std::size_t count) {
  const std::vector<float> update(kModelSize, 1e-3f);
  std::vector<std::unique_ptr<LoadMember>> all;
  for (std::size_t i = 0; i < count; ++i)
    all.push_back(std::make_unique<LoadMember>(address, folder, i, update));
  for (const auto& member : all)
    while (!member->done()) std::this_thread::sleep_for(kLook);
}

// --- The server ---

std::string experiment_of(std::size_t members, std::size_t rounds) {
  return fmt::format(R"(
name = "load"
[data]
kind = "shape"
shape = [{}]
classes = 2
[partition]
kind = "iid"
[model]
kind = "softmax"
[nodes]
count = {}
[report]
every = {}
tensorboard = false
[method]
kind = "fedavg"
rounds = {}
)",
                     kModelSize / 2 - 1, members, rounds, rounds);
}

double value_of(const Metrics& metrics, const std::string& name) {
  for (const MetricSample& sample : metrics.samples())
    if (sample.name == name) return sample.value;
  return 0.0;
}

// Looks at the counters all the time: how long bodies were coming in, summed over the rounds.
class UploadWatch {
 public:
  UploadWatch(Metrics& metrics, double round_bytes)
      : metrics_(metrics), round_bytes_(round_bytes), thread_([this] { watch(); }) {}
  ~UploadWatch() {
    over_ = true;
    thread_.join();
  }
  double uploading_s() const { return uploading_s_; }
  double first_s() const { return first_s_; }

 private:
  void watch() {
    double begin_s = 0.0;
    double done_bytes = 0.0;
    while (!over_) {
      std::this_thread::sleep_for(kLook);
      if (first_s_ == 0.0 && value_of(metrics_, "shoal_bytes_sent_total") > 0)
        first_s_ = steady_now_s();
      const double bytes = value_of(metrics_, "shoal_bytes_received_total");
      if (begin_s == 0.0 && bytes > done_bytes) begin_s = steady_now_s();
      if (bytes < done_bytes + round_bytes_) continue;
      uploading_s_ += steady_now_s() - begin_s;
      begin_s = 0.0;
      done_bytes += round_bytes_;
    }
  }
  Metrics& metrics_;
  const double round_bytes_;
  std::atomic<bool> over_{false};
  double uploading_s_ = 0.0;
  double first_s_ = 0.0;
  std::thread thread_;
};

void serve(const std::string& folder, std::size_t members, std::size_t rounds) {
  share_memory_between_threads();
  const auto experiment =
      must(resolve_experiment(must(parse_toml(experiment_of(members, rounds)))));
  ServerRunSettings settings;
  settings.folder = folder + fmt::format("/run-{}", members);
  settings.listen = "127.0.0.1:0";
  settings.tls = files(folder, "server");
  settings.own_data = true;
  settings.linger_s = 0.0;
  ThreadPool pool(2);
  auto run = must(ServerRun::open(experiment, settings, pool));
  malloc_trim(0);
  std::ofstream("/proc/self/clear_refs") << "5";  // the peak begins here

  const double idle_bytes = memory_bytes("VmRSS");
  const double frame_bytes = static_cast<double>(kModelSize * sizeof(float));
  const double in_bytes = frame_bytes * static_cast<double>(members * rounds);
  const pid_t child =
      spawn({"grpc_load_bench", "members", run->address(), folder, std::to_string(members)});
  UploadWatch watch(run->metrics(), frame_bytes * static_cast<double>(members));
  double cpu_before = 0.0;
  run->on_waiting([&](std::size_t, std::size_t) { cpu_before = cpu_s(RUSAGE_SELF); });
  must(run->go(2));
  const double took_s = steady_now_s() - watch.first_s();
  const double cpu = cpu_s(RUSAGE_SELF) - cpu_before;
  const double peak_bytes = memory_bytes("VmHWM") - idle_bytes;
  wait_for(child);
  fmt::print("{:>7} {:>9.0f} {:>9.0f} {:>9.0f} {:>10.0f} {:>10.0f} {:>9.2f} {:>9.2f}", members,
             in_bytes / kMega / watch.uploading_s(), in_bytes / kMega / took_s,
             value_of(run->metrics(), "shoal_bytes_sent_total") / kMega / took_s,
             peak_bytes / kMebi, 3 * frame_bytes / kMebi + 2.0 * static_cast<double>(members),
             cpu / in_bytes * 1e9, cpu_s(RUSAGE_CHILDREN) / in_bytes * 1e9);
}

// --- gRPC alone ---

void raw_send(const std::string& address, const std::string& folder, std::size_t members,
              std::size_t rounds) {
  std::vector<TlsFiles> all;
  for (std::size_t i = 0; i < members; ++i) all.push_back(files(folder, name_of(i)));
  must(raw_members(address, all, rounds, kModelSize * sizeof(float)));
}

void raw_serve(const std::string& folder, std::size_t members, std::size_t rounds) {
  auto server = must(RawServer::start("127.0.0.1:0", files(folder, "server")));
  const pid_t child = spawn({"grpc_load_bench", "raw-members", server->address(), folder,
                             std::to_string(members), std::to_string(rounds)});
  double begin_s = 0.0;
  double cpu_before = 0.0;
  const double in_bytes = static_cast<double>(kModelSize * sizeof(float) * members * rounds);
  while (static_cast<double>(server->received_bytes()) < in_bytes) {
    std::this_thread::sleep_for(kLook);
    if (begin_s > 0.0 || server->received_bytes() == 0) continue;
    begin_s = steady_now_s();
    cpu_before = cpu_s(RUSAGE_SELF);
  }
  const double took_s = steady_now_s() - begin_s;
  const double cpu = cpu_s(RUSAGE_SELF) - cpu_before;
  wait_for(child);
  fmt::print(" {:>9.0f} {:>9.2f} {:>9.2f}\n", in_bytes / kMega / took_s, cpu / in_bytes * 1e9,
             cpu_s(RUSAGE_CHILDREN) / in_bytes * 1e9);
}

void table(std::size_t rounds, const std::vector<std::size_t>& sizes) {
  char folder[] = "/tmp/shoal-load-XXXXXX";
  if (mkdtemp(folder) == nullptr) must(Status(io_error("cannot make a folder in /tmp")));
  issue_kits(folder, *std::max_element(sizes.begin(), sizes.end()));
  fmt::print("{:>7} {:>9} {:>9} {:>9} {:>10} {:>10} {:>9} {:>9} {:>9} {:>9} {:>9}\n", "members",
             "MB/s in", "MB/s in", "MB/s out", "MiB beyond", "MiB may", "CPU s/GB", "CPU s/GB",
             "raw MB/s", "CPU s/GB", "CPU s/GB");
  fmt::print("{:>7} {:>9} {:>9} {:>9} {:>10} {:>10} {:>9} {:>9} {:>9} {:>9} {:>9}\n", "", "uploads",
             "whole", "whole", "idle", "be used", "server", "members", "in", "server", "members");
  std::fflush(stdout);
  for (const std::size_t members : sizes)
    for (const char* part : {"serve", "raw-serve"})
      wait_for(spawn(
          {"grpc_load_bench", part, folder, std::to_string(members), std::to_string(rounds)}));
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
}

int act(const std::vector<std::string>& arguments) {
  const auto number = [&](std::size_t i) { return std::stoul(arguments.at(i)); };
  const std::string part = arguments.empty() ? "" : arguments[0];
  if (part == "serve") {
    serve(arguments.at(1), number(2), number(3));
  } else if (part == "members") {
    members(arguments.at(1), arguments.at(2), number(3));
  } else if (part == "raw-serve") {
    raw_serve(arguments.at(1), number(2), number(3));
  } else if (part == "raw-members") {
    raw_send(arguments.at(1), arguments.at(2), number(3), number(4));
  } else {
    std::vector<std::size_t> sizes;
    for (std::size_t i = 1; i < arguments.size(); ++i) sizes.push_back(number(i));
    table(arguments.empty() ? 3 : number(0),
          sizes.empty() ? std::vector<std::size_t>{10, 50, 200, 500} : sizes);
  }
  std::fflush(stdout);
  return 0;
}

}  // namespace
}  // namespace shoal

int main(int count, char** arguments) {
  return shoal::act(std::vector<std::string>(arguments + 1, arguments + count));
}
