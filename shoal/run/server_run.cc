#include "shoal/run/server_run.h"

#include <chrono>
#include <filesystem>
#include <fmt/format.h>
#include <limits>
#include <malloc.h>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "shoal/base/clock.h"
#include "shoal/base/file.h"
#include "shoal/base/log.h"
#include "shoal/base/toml.h"
#include "shoal/run/own_data.h"

namespace shoal {
namespace {

// The gate's own node where the method has no server.
constexpr NodeId kCoordinator = std::numeric_limits<NodeId>::max();
constexpr double kTickPeriod_s = 1.0;
constexpr std::chrono::milliseconds kLookPeriod{20};
// After a failed commit: how long until it is tried again.
constexpr std::chrono::milliseconds kCommitRetry{500};
constexpr double kShutDownPatience_s = 5.0;

// An update, twice over for corrections, and its envelope.
std::uint64_t frame_bytes_max(const Assembly& assembly) {
  const std::size_t scalar = assembly.models_double ? sizeof(double) : sizeof(float);
  return 2 * assembly.layout().size() * scalar + kFrameOverheadBytesMax;
}

// Models that a member shows between two looks at its network, and what stands beside them.
std::uint64_t observation_bytes_max(const Assembly& assembly) {
  return 2 * frame_bytes_max(assembly);
}

std::uint64_t rows_of(const Assembly& assembly, const Member& member) {
  if (member.rows > 0) return member.rows;
  const std::size_t worker = member.node - assembly.method->servers();
  return assembly.partition.nodes[worker].size();
}

// Of a ledger that was being written: a line that was not finished is cut.
Result<std::vector<LedgerLine>> whole_lines(const std::string& path) {
  if (!std::filesystem::exists(path)) return std::vector<LedgerLine>();
  SHOAL_TRY(std::string text, read_text_file(path));
  if (!text.empty() && text.back() != '\n') {
    text.erase(text.rfind('\n') + 1);  // npos + 1 is 0: nothing was whole
    SHOAL_TRY_STATUS(write_file_atomically(path, text));
  }
  return read_ledger(path);
}

// The id of the run in this folder, drawn when there is none yet.
Result<std::string> run_id(const std::string& folder, const std::string& name) {
  const std::string path = folder + "/run.txt";
  if (std::filesystem::exists(path)) return read_text_file(path);
  std::random_device device;
  const std::string id = fmt::format("{}-{:08x}{:08x}", name, device(), device());
  SHOAL_TRY_STATUS(write_file_atomically(path, id));
  return id;
}

}  // namespace

void share_memory_between_threads() { mallopt(M_ARENA_MAX, 2); }

ServerRun::ServerRun(const ServerRunSettings& settings, std::unique_ptr<RealRun> run)
    : settings_(settings), run_(std::move(run)) {}

ServerRun::~ServerRun() {
  if (server_) server_->shut_down(kShutDownPatience_s);
}

Result<std::unique_ptr<ServerRun>> ServerRun::open(const Experiment& experiment,
                                                   const ServerRunSettings& settings,
                                                   ThreadPool& pool) {
  RealPart part;
  part.own_data = settings.own_data;
  part.update_norm_max = settings.update_norm_max;
  SHOAL_TRY(auto assembly, assemble(experiment, pool.threads(), &pool, &part));
  const std::size_t places = assembly->partition.nodes.size();
  if (settings.wait_for > places)
    return invalid_argument(
        fmt::format("{} members to wait for in a run of {}", settings.wait_for, places));
  RealRun::Place place;
  if (assembly->method->servers() > 0) place.local = {0};
  place.world = "grpc";
  place.keeps_ledger = true;
  SHOAL_TRY(auto real, RealRun::create(std::move(assembly), place, pool));
  auto run = std::unique_ptr<ServerRun>(new ServerRun(settings, std::move(real)));
  SHOAL_TRY_STATUS(run->open_folder(experiment));
  SHOAL_TRY(run->id_, run_id(settings.folder + "/state", experiment.general.name));
  SHOAL_TRY(OpenedServerStore opened,
            ServerStore::open(real_disk(), settings.folder + "/state", run->id_));
  run->store_ = std::move(opened.store);
  for (const std::string& repaired : opened.recovered.repaired)
    log_event(LogLevel::kWarning, "state_repaired", {{"what", repaired}});
  SHOAL_TRY(run->audit_, AuditLog::open(settings.folder + "/audit.jsonl"));
  if (!settings.revoked.empty()) {
    const auto trouble = [](const Error& error) {
      log_event(LogLevel::kError, "revocation_list", {{"why", error.message}});
    };
    SHOAL_TRY(run->revocations_, RevocationList::open(settings.revoked, &steady_now_s, trouble));
  }
  run->make_gate();
  SHOAL_TRY_STATUS(run->recover(opened.recovered));
  SHOAL_TRY_STATUS(run->start_server(experiment, opened.recovered.incarnation));
  return run;
}

bool ServerRun::is_finished(const std::string& folder, const Experiment& experiment) {
  const auto before = read_text_file(folder + "/experiment.toml");
  return before.ok() && *before == write_toml(experiment.table()) &&
         std::filesystem::exists(folder + "/state") &&
         std::filesystem::exists(folder + "/report.html");
}

Status ServerRun::open_folder(const Experiment& experiment) {
  const std::string state = settings_.folder + "/state";
  if (!std::filesystem::exists(state)) {
    if (std::filesystem::exists(settings_.folder + "/model.safetensors"))
      return invalid_argument(
          fmt::format("{} holds a run that is finished; use another --out", settings_.folder));
    SHOAL_TRY_STATUS(writer_.begin(settings_.folder, experiment));
    return make_folders(state);
  }
  SHOAL_TRY(const std::string before, read_text_file(settings_.folder + "/experiment.toml"));
  if (before != write_toml(experiment.table()))
    return invalid_argument(fmt::format(
        "{} holds a run of another experiment; use the same file and settings, or another --out",
        settings_.folder));
  return ok_status();
}

Status ServerRun::recover(const Recovered& past) {
  begun_before_ = std::filesystem::exists(settings_.folder + "/state/begun.txt");
  first_round_ = past.next_round();
  if (first_round_ > 0) {
    SHOAL_TRY_STATUS(run_->restore(0, past.state));
    model_ = past.rounds.back().model_after;
  }
  SHOAL_TRY_STATUS(gate_->restore(past.members, past.receipts(), first_round_));
  metrics_.set("shoal_round", first_round_);
  if (past.incarnation == 1) return ok_status();
  SHOAL_TRY(std::vector<LedgerLine> lines, whole_lines(settings_.folder + "/ledger.jsonl"));
  std::vector<LedgerLine> kept;
  for (LedgerLine& line : lines)
    if (run_->assembly().method->servers() == 0 || line.round < first_round_)
      kept.push_back(std::move(line));
  SHOAL_TRY_STATUS(writer_.go_on(settings_.folder, kept));
  // A line is written when all that are there have done its round.
  for (NodeId node = 0; !kept.empty() && node < run_->assembly().nodes(); ++node)
    run_->stands_in(node, kept.back().round + 1);
  run_->keep_lines(std::move(kept));
  return ok_status();
}

void ServerRun::make_gate() {
  const Assembly& assembly = run_->assembly();
  GateSettings settings;
  settings.run = id_;
  settings.server = settings_.name;
  settings.certificates = settings_.tls.given();
  settings.first_place = static_cast<NodeId>(assembly.method->servers());
  settings.self = settings.first_place > 0 ? 0 : kCoordinator;
  settings.places = assembly.partition.nodes.size();
  settings.frame_bytes_max = frame_bytes_max(assembly);
  settings.rows_max = settings_.member_rows_max;
  gate_ = std::make_unique<Gate>(
      settings,
      [&assembly](const Message& message, const Member& sender) {
        return assembly.content_check(message, rows_of(assembly, sender));
      },
      &steady_now_s, &unix_now_s);
  gate_->on_event([this](const GateEvent& event) { on_gate_event(event); });
  if (revocations_)
    gate_->set_revoked([this](const Digest& key) { return revocations_->is_revoked(key); });
}

Status ServerRun::start_server(const Experiment& experiment, std::uint64_t incarnation) {
  const Assembly& assembly = run_->assembly();
  const Experiment shared =
      settings_.own_data ? without_data(experiment, *assembly.task.train) : experiment;
  GrpcServerSettings settings;
  settings.listen = settings_.listen;
  settings.tls = settings_.tls;
  settings.run = id_;
  settings.server = settings_.name;
  settings.experiment = write_toml(shared.table());
  settings.incarnation = incarnation;
  settings.begun = begun_before_;
  settings.frame_bytes_max = frame_bytes_max(assembly);
  settings.observation_bytes_max = observation_bytes_max(assembly);
  settings.count_until_used = assembly.adds_up;
  SHOAL_TRY(server_, GrpcServer::start(settings, *gate_, run_->world(), metrics_));
  if (assembly.method->servers() == 0)
    server_->on_newcomer([this](NodeId node) { return run_->newcomer(node, present()); });
  server_->on_status([this] { return status_json(); });
  server_->committed(first_round_);
  return ok_status();
}

void ServerRun::on_gate_event(const GateEvent& event) {
  audit_->write(event);
  if (event.kind == GateEvent::Kind::kReceived) {
    metrics_.add("shoal_updates_received_total", 1);
    return;
  }
  if (event.kind == GateEvent::Kind::kAbsent || event.kind == GateEvent::Kind::kLeft)
    run_->world().lose(event.node);
  if (event.kind != GateEvent::Kind::kJoined && event.kind != GateEvent::Kind::kReturned) return;
  run_->world().find(event.node);
  const std::vector<Member> members = gate_->members();
  if (auto status = store_->join(members); !status.ok())
    log_event(LogLevel::kError, "members_not_saved", {{"why", status.error().message}});
}

// Once a run has begun, a restart waits for nobody: members may have left for good.
Status ServerRun::begin_run() {
  if (!begun_before_)
    SHOAL_TRY_STATUS(write_file_atomically(settings_.folder + "/state/begun.txt", id_));
  for (const NodeId node : present()) run_->stands_in(node, 0);
  server_->started();
  return ok_status();
}

// After a restart nobody tells us of members who left meanwhile, or were killed.
void ServerRun::lose_those_who_stay_away() {
  if (!begun_before_ || run_->world().now_s() < awaited_until_s_) return;
  awaited_until_s_ = std::numeric_limits<double>::infinity();
  for (const Member& member : gate_->members())
    if (member.presence != Presence::kPresent) run_->world().lose(member.node);
}

bool ServerRun::wait_for_members() {
  const std::size_t wanted =
      settings_.wait_for > 0 ? settings_.wait_for : run_->assembly().partition.nodes.size();
  std::size_t told = std::numeric_limits<std::size_t>::max();
  while (!begun_before_ && !run_->world().stopping()) {
    const std::size_t present = gate_->present();
    if (on_waiting_ && present != told) on_waiting_(present, wanted);
    told = present;
    if (present >= wanted) break;
    std::this_thread::sleep_for(kLookPeriod);
  }
  return !run_->world().stopping();
}

std::vector<NodeId> ServerRun::present() const {
  std::vector<NodeId> nodes;
  for (const Member& member : gate_->members())
    if (member.presence == Presence::kPresent) nodes.push_back(member.node);
  return nodes;
}

void ServerRun::round_closed(Step round, std::span<const NodeId> senders) {
  gate_->close_round(round);
  counted_ = std::set<NodeId>(senders.begin(), senders.end());
}

// Those of updates that are in: one that came while its round was closing may have a receipt, too.
std::vector<FrameReceipt> ServerRun::counted_receipts(Step round) const {
  std::vector<FrameReceipt> receipts = gate_->receipts(round);
  std::erase_if(receipts,
                [this](const FrameReceipt& receipt) { return counted_.count(receipt.from) == 0; });
  return receipts;
}

// The round before is over: durable first, then announced. A disk that is full holds the run here,
// with its last checkpoint intact, until there is room or it is asked to stop.
void ServerRun::boundary(Node& node) {
  const double begin_s = steady_now_s();
  const Step next = node.step();
  RealWorld::Saved saved = run_->save(node);
  if (next > 0) {
    CommittedRound round;
    round.round = next - 1;
    round.model_before = model_;
    round.model_after = saved.kept;
    round.receipts = counted_receipts(next - 1);
    for (;;) {
      const Status status = store_->commit(round, saved.state);
      if (status.ok()) break;
      metrics_.add("shoal_commit_failures_total", 1);
      log_event(LogLevel::kError, "round_not_saved", {{"why", status.error().message}});
      std::this_thread::sleep_for(kCommitRetry);
      if (run_->world().stopping()) return;
    }
    metrics_.add("shoal_rounds_committed_total", 1);
    metrics_.took("shoal_commit", steady_now_s() - begin_s);
    server_->committed(next);
  }
  model_ = saved.kept;
  // The round that it stands in may have updates already: members that were there before we were
  // killed do not wait to be asked again.
  if (next != gate_->current_round()) gate_->open_round(next);
  metrics_.set("shoal_round", next);
}

// What did not fit the disk is written anew as soon as there is room.
void ServerRun::write_line(const LedgerLine& line) {
  written_ = written_.ok() ? writer_.add_line(line)
                           : writer_.go_on(settings_.folder, run_->result().lines);
  if (!written_.ok())
    log_event(LogLevel::kError, "ledger_not_written", {{"why", written_.error().message}});
}

Result<std::optional<RunSummary>> ServerRun::go(std::size_t threads) {
  const double begin_s = steady_now_s();
  if (!wait_for_members()) return std::optional<RunSummary>();
  run_->on_line([this](const LedgerLine& line) {
    write_line(line);
    if (on_line_) on_line_(line);
  });
  run_->world().on_boundary([this](Node& node) { boundary(node); });
  run_->world().on_closed([this](NodeId, Step round, std::span<const NodeId> senders) {
    round_closed(round, senders);
  });
  awaited_until_s_ = run_->world().now_s() + 2.0 * kSilence_s;
  run_->world().every(kTickPeriod_s, [this] { lose_those_who_stay_away(); });
  SHOAL_TRY_STATUS(begin_run());
  const Status went = run_->go(*server_, settings_.linger_s);
  server_->drain(kShutDownPatience_s);
  server_->shut_down(kShutDownPatience_s);
  SHOAL_TRY_STATUS(went);
  if (run_->result().interrupted) return std::optional<RunSummary>();
  if (!written_.ok()) SHOAL_TRY_STATUS(writer_.go_on(settings_.folder, run_->result().lines));
  SHOAL_TRY_STATUS(
      writer_.finish(run_->assembly(), run_->result(), steady_now_s() - begin_s, threads));
  SHOAL_TRY(RunSummary summary, writer_.summarise(run_->assembly(), run_->result()));
  return std::optional<RunSummary>(std::move(summary));
}

std::string ServerRun::status_json() const {
  nlohmann::ordered_json status;
  const Assembly& assembly = run_->assembly();
  status["run"] = id_;
  status["experiment"] = assembly.experiment.general.name;
  status["method"] = assembly.experiment.method_kind();
  status["round"] = gate_->current_round();
  status["rounds"] = assembly.method->length();
  status["places"] = assembly.partition.nodes.size();
  status["present"] = gate_->present();
  for (const Member& member : gate_->members()) {
    const char* presence = member.presence == Presence::kPresent  ? "present"
                           : member.presence == Presence::kAbsent ? "absent"
                                                                  : "left";
    status["members"].push_back(
        {{"node", member.node}, {"name", member.name}, {"presence", presence}});
  }
  for (const MetricSample& sample : metrics_.samples()) {
    const std::string labels = sample.labels.empty() ? "" : "{" + sample.labels + "}";
    status["metrics"][sample.name + labels] = sample.value;
  }
  return status.dump();
}

}  // namespace shoal
