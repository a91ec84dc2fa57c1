#include "tests/real/federation.h"

#include <algorithm>
#include <arpa/inet.h>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fmt/format.h>
#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>
#include <set>
#include <sys/socket.h>
#include <unistd.h>

#include "shoal/base/file.h"
#include "shoal/base/sha256.h"
#include "shoal/net/disk.h"
#include "shoal/net/grpc/shoal.grpc.pb.h"
#include "shoal/net/server_store.h"

namespace shoal::real {
namespace {

namespace fs = std::filesystem;

constexpr double kSimulationPatience_s = 300.0;
constexpr double kMemberPatience_s = 60.0;
constexpr std::chrono::seconds kStatusPatience{2};
// Below the ports that connections are given.
constexpr int kFirstPort = 21000;
constexpr int kPorts = 10000;

int loopback_socket(int port, sockaddr_in* address) {
  *address = {};
  address->sin_family = AF_INET;
  address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address->sin_port = htons(static_cast<std::uint16_t>(port));
  return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

void append(std::vector<std::string>& to, const std::vector<std::string>& more) {
  to.insert(to.end(), more.begin(), more.end());
}

}  // namespace

Folder::Folder() {
  char name[] = "/tmp/shoal-real-XXXXXX";
  if (mkdtemp(name) == nullptr) throw std::runtime_error("cannot make a folder in /tmp");
  path_ = name;
}

Folder::~Folder() {
  if (testing::Test::HasFailure()) {
    fmt::print("kept: {}\n", path_);
    return;
  }
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

std::string shoal_command() {
  const char* other = std::getenv("SHOAL_COMMAND");
  return other != nullptr ? other : SHOAL_COMMAND;
}

std::string experiment_file(const char* name) {
  return std::string(SHOAL_SOURCE_DIR "/tests/worlds/") + name;
}

std::string file_text(const std::string& path) {
  const auto text = read_text_file(path);
  return text.ok() ? *text : "";
}

std::string file_sha256(const std::string& path) {
  const auto bytes = read_file(path);
  return bytes.ok() ? hex(sha256(*bytes)) : "";
}

int free_port() {
  static int next = static_cast<int>(getpid()) % kPorts;
  for (int tries = 0; tries < kPorts; ++tries) {
    const int port = kFirstPort + next;
    next = (next + 1) % kPorts;
    sockaddr_in address;
    const int file = loopback_socket(port, &address);
    const bool is_free = bind(file, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    close(file);
    if (is_free) return port;
  }
  throw std::runtime_error("no port is free");
}

bool answers(const std::string& address) {
  sockaddr_in target;
  const int file = loopback_socket(std::stoi(address.substr(address.rfind(':') + 1)), &target);
  const bool there = connect(file, reinterpret_cast<sockaddr*>(&target), sizeof target) == 0;
  close(file);
  return there;
}

Federation::Federation(FederationSettings settings)
    : settings_(std::move(settings)),
      // The name that certificates are made for; without them an address says it as well.
      address_(
          fmt::format("{}:{}", settings_.certificates ? "localhost" : "127.0.0.1", free_port())),
      way_(address_) {
  if (settings_.certificates) make_certificates();
}

void Federation::make_certificates() const {
  const std::string authority = folder() + "/ca";
  const auto issue = [&](const std::vector<std::string>& arguments) {
    std::vector<std::string> command = {shoal_command(), "ca"};
    append(command, arguments);
    append(command, {"--folder", authority});
    EXPECT_EQ(Process(command, log("ca")).wait(kMemberPatience_s), 0);
  };
  issue({"init"});
  issue({"issue", "server", "--server", "--out", folder() + "/kit-server"});
  for (std::size_t i = 0; i < settings_.members; ++i)
    issue({"issue", fmt::format("member-{}", i), "--out", fmt::format("{}/kit-{}", folder(), i)});
}

std::vector<std::string> Federation::kit(const std::string& name) const {
  if (!settings_.certificates) return {};
  return {"--kit", folder() + "/kit-" + name};
}

Federation::Reference Federation::simulate() const {
  std::vector<std::string> command = {shoal_command(), "run",   settings_.file,
                                      "--quiet",       "--out", folder() + "/simulation"};
  for (const std::string& set : settings_.set) append(command, {"--set", set});
  EXPECT_EQ(Process(command, log("simulation")).wait(kSimulationPatience_s), 0);
  const std::string run = folder() + "/simulation/" + fs::path(settings_.file).stem().string();
  Reference reference{file_sha256(run + "/model.safetensors"), file_text(run + "/traffic.json")};
  EXPECT_NE(reference.model, "");
  return reference;
}

std::string Federation::run_folder() const {
  return folder() + "/out/" + fs::path(settings_.file).stem().string();
}

void Federation::start_server() {
  std::vector<std::string> command = {shoal_command(), "server", settings_.file,   "--listen",
                                      address_,        "--out",  folder() + "/out"};
  for (const std::string& set : settings_.set) append(command, {"--set", set});
  append(command, kit("server"));
  append(command, settings_.server_options);
  server_.reset();
  server_ = std::make_unique<Process>(command, log("server"));
}

void Federation::start_member(std::size_t member) {
  const std::string name = fmt::format("member-{}", member);
  std::vector<std::string> command = {shoal_command(), "join", way_, "--name", name};
  append(command, kit(std::to_string(member)));
  if (settings_.member_state) append(command, {"--state", folder() + "/state-" + name});
  // One that comes back when the run is over finds nobody who could tell it.
  const auto& options = settings_.member_options;
  if (std::find(options.begin(), options.end(), "--give-up") == options.end())
    append(command, {"--give-up", "30"});
  append(command, options);
  members_[member].reset();
  members_[member] = std::make_unique<Process>(command, log(name));
}

void Federation::start() {
  start_server();
  for (std::size_t i = 0; i < settings_.members; ++i) start_member(i);
}

std::string Federation::status() const {
  const auto channel = grpc::CreateChannel(address_, grpc::InsecureChannelCredentials());
  const auto stub = wire::Federation::NewStub(channel);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kStatusPatience);
  wire::StatusReply reply;
  return stub->GetStatus(&context, {}, &reply).ok() ? reply.json() : "";
}

Step Federation::rounds_on_disk() const {
  Step rounds = 0;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(run_folder() + "/state", ignored)) {
    const std::string name = entry.path().filename().string();
    const std::string digits = name.substr(std::min(name.size(), name.find('-') + 1));
    if (name.rfind("checkpoint-", 0) != 0 ||
        digits.find_first_not_of("0123456789") != std::string::npos)
      continue;
    rounds = std::max<Step>(rounds, static_cast<Step>(std::stoul(digits)) + 1);
  }
  return rounds;
}

bool Federation::waits_for_rounds(Step rounds, double patience_s) const {
  return becomes_true(patience_s, [&] { return rounds_on_disk() > rounds; });
}

void Federation::expect_end(double patience_s) {
  EXPECT_EQ(server().wait(patience_s), 0) << file_text(log("server"));
  for (auto& [i, member] : members_)
    EXPECT_TRUE(member->wait(kMemberPatience_s).has_value()) << "member-" << i << " hangs";
}

void Federation::expect_whole(const std::string& model, bool everyone) const {
  EXPECT_EQ(file_sha256(run_folder() + "/model.safetensors"), model);
  const std::string state = run_folder() + "/state";
  const auto opened = ServerStore::open(real_disk(), state, file_text(state + "/run.txt"));
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  std::set<std::pair<Step, NodeId>> counted;
  std::set<std::uint64_t> numbers;
  for (const CommittedRound& round : opened->recovered.rounds) {
    if (everyone) {
      EXPECT_EQ(round.receipts.size(), settings_.members) << "round " << round.round;
    }
    for (const FrameReceipt& receipt : round.receipts) {
      EXPECT_EQ(receipt.receipt.round, round.round);
      EXPECT_TRUE(counted.insert({round.round, receipt.from}).second)
          << "round " << round.round << " counts node " << receipt.from << " twice";
      EXPECT_TRUE(numbers.insert(receipt.receipt.number).second);
    }
  }
  const auto lines = read_ledger(run_folder() + "/ledger.jsonl");
  ASSERT_TRUE(lines.ok()) << lines.error().message;
  EXPECT_EQ(lines->size(), opened->recovered.rounds.size());
  for (std::size_t i = 0; i < lines->size(); ++i) EXPECT_EQ((*lines)[i].round, i);
}

}  // namespace shoal::real
