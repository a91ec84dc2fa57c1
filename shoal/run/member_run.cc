#include "shoal/run/member_run.h"

#include <chrono>
#include <fmt/format.h>

#include "shoal/base/clock.h"
#include "shoal/base/log.h"
#include "shoal/base/toml.h"
#include "shoal/run/own_data.h"

namespace shoal {
namespace {

constexpr double kTickPeriod_s = 0.5;
constexpr double kDrainPatience_s = 10.0;

}  // namespace

MemberRun::~MemberRun() = default;

Result<std::unique_ptr<MemberRun>> MemberRun::join(const MemberRunSettings& settings,
                                                   ThreadPool& pool) {
  auto member = std::unique_ptr<MemberRun>(new MemberRun(settings));
  Dataset rows;
  if (!settings.data.empty()) {
    SHOAL_TRY(rows, load_own_rows(settings.data));
  }
  member->settings_.client.rows = rows.rows;
  SHOAL_TRY(member->client_, GrpcClient::join(member->settings_.client, member->metrics_));
  SHOAL_TRY_STATUS(member->make_run(std::move(rows), pool));
  if (!settings.revoked.empty()) {
    const auto trouble = [](const Error& error) {
      log_event(LogLevel::kError, "revocation_list", {{"why", error.message}});
    };
    SHOAL_TRY(member->revocations_, RevocationList::open(settings.revoked, &steady_now_s, trouble));
  }
  if (member->assembly().method->servers() == 0) member->make_gate();
  SHOAL_TRY(const bool goes_on, member->recover());
  if (!goes_on) SHOAL_TRY_STATUS(member->begin_as_newcomer());
  return member;
}

Status MemberRun::make_run(Dataset rows, ThreadPool& pool) {
  const Joined& joined = client_->joined();
  SHOAL_TRY(const Table table, parse_toml(joined.experiment));
  SHOAL_TRY(const Experiment experiment, resolve_experiment(table));
  RealPart part;
  part.node = joined.node;
  if (rows.rows > 0) {
    part.own_data = true;
    SHOAL_TRY(
        const TaskData task,
        data_cache().load(experiment.data, static_cast<std::uint64_t>(experiment.general.seed)));
    SHOAL_TRY(part.rows, fit_own_rows(std::move(rows), *task.train));
  }
  SHOAL_TRY(auto assembly, assemble(experiment, pool.threads(), &pool, &part));
  if (joined.node >= assembly->nodes())
    return corrupt(
        fmt::format("the server gave us place {} of {}", joined.node, assembly->nodes()));
  RealRun::Place place;
  place.world = "grpc";
  place.local = {joined.node};
  SHOAL_TRY(run_, RealRun::create(std::move(assembly), place, pool));
  return ok_status();
}

void MemberRun::make_gate() {
  const Assembly& assembly = run_->assembly();
  const std::size_t scalar = assembly.models_double ? sizeof(double) : sizeof(float);
  GateSettings settings;
  settings.run = joined().run;
  settings.server = settings_.client.name;
  settings.certificates = settings_.client.tls.given();
  settings.self = joined().node;
  settings.first_place = 0;
  settings.places = assembly.partition.nodes.size();
  settings.frame_bytes_max = 2 * assembly.layout().size() * scalar + kFrameOverheadBytesMax;
  settings.only_current_round = false;
  gate_ = std::make_unique<Gate>(
      settings,
      [&assembly](const Message& message, const Member&) {
        return assembly.content_check(message, 0);
      },
      &steady_now_s, &unix_now_s);
  if (revocations_)
    gate_->set_revoked([this](const Digest& key) { return revocations_->is_revoked(key); });
}

Result<bool> MemberRun::recover() {
  if (settings_.state.empty()) return false;
  store_ = std::make_unique<CheckpointStore>(real_disk(), settings_.state, joined().run);
  SHOAL_TRY_STATUS(store_->prepare());
  SHOAL_TRY(const CheckpointStore::Found found, store_->load_newest());
  if (!found.checkpoint) return false;
  saves_ = found.checkpoint->number;
  SHOAL_TRY_STATUS(run_->world().restore(joined().node, found.checkpoint->state));
  return true;
}

// With a server, its next round has all that we need.
Status MemberRun::begin_as_newcomer() {
  const Assembly& assembly = run_->assembly();
  if (!joined().begun || assembly.method->servers() > 0) return ok_status();
  const std::size_t scalar = assembly.models_double ? sizeof(double) : sizeof(float);
  SHOAL_TRY(const Frame told,
            client_->fetch_newcomer(assembly.layout().size() * scalar + kFrameOverheadBytesMax));
  return run_->begin_as(joined().node, told);
}

// What cannot be saved is said, and the run goes on: only a kill would miss it.
void MemberRun::boundary(Node& node) {
  const RealWorld::Saved saved = run_->world().save(node);
  const auto digest = store_->save(++saves_, saved.state);
  if (!digest.ok())
    log_event(LogLevel::kError, "state_not_saved", {{"why", digest.error().message}});
  else if (auto pruned = store_->prune(saves_); !pruned.ok())
    log_event(LogLevel::kWarning, "state_not_pruned", {{"why", pruned.error().message}});
}

Result<bool> MemberRun::go() {
  SHOAL_TRY_STATUS(client_->start(run_->world(), gate_.get()));
  if (!client_->wait_started()) SHOAL_TRY_STATUS(client_->broken());
  if (store_) run_->world().on_boundary([this](Node& node) { boundary(node); });
  run_->world().every(kTickPeriod_s, [this] {
    if (!client_->broken().ok()) run_->world().request_stop();
  });
  const Status went = run_->go(*client_, 0.0);
  client_->drain(kDrainPatience_s);
  SHOAL_TRY_STATUS(went);
  SHOAL_TRY_STATUS(client_->broken());
  client_->leave();
  return !run_->result().interrupted;
}

}  // namespace shoal
