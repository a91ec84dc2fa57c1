// ServerRun: the server's process of a run over a network, from its folder to its result.
//
//   SHOAL_TRY(auto run, ServerRun::open(experiment, settings, pool));
//   SHOAL_TRY(const auto summary, run->go(pool.threads()));       // none when it was asked to stop
//
// The folder is that of any run (run_folder.h) plus state/ (net/server_store.h) and audit.jsonl.
// At the beginning of every round the state of the round before is made durable, and only then are
// members told so. Killed at any instant, the same command goes on: the round in progress is
// repeated, members send again what they had sent for it, and every update counts once.
//
// For methods without a server (gossip, relay) this process introduces the peers to each other and
// keeps the ledger.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "shoal/net/audit_log.h"
#include "shoal/net/grpc/grpc_server.h"
#include "shoal/net/identity/revocation_list.h"
#include "shoal/net/server_store.h"
#include "shoal/run/folder_writer.h"
#include "shoal/run/real_run.h"

namespace shoal {

struct ServerRunSettings {
  std::string folder;  // of the run
  std::string listen;  // HOST:PORT
  std::string name = "server";
  TlsFiles tls;
  std::string revoked;       // revocation list; empty: none
  std::size_t wait_for = 0;  // members that the first round waits for; 0: all places
  bool own_data = false;     // members bring their rows
  double update_norm_max = 0.0;
  std::uint64_t member_rows_max = kRegisteredRowsMax;
  double linger_s = 10.0;  // for the last reports of members, once the method is done
};

// For processes that serve many members, once at the start: freed memory of one thread serves the
// others, where glibc would keep a heap of its own for each.
void share_memory_between_threads();

class ServerRun {
 public:
  static Result<std::unique_ptr<ServerRun>> open(const Experiment& experiment,
                                                 const ServerRunSettings& settings,
                                                 ThreadPool& pool);
  ~ServerRun();
  // Whether the folder holds this run, ended; its report is written last.
  static bool is_finished(const std::string& folder, const Experiment& experiment);

  const std::string& id() const { return id_; }
  std::string address() const { return server_->address(); }
  Step first_round() const { return first_round_; }
  const Assembly& assembly() const { return run_->assembly(); }
  Metrics& metrics() { return metrics_; }
  // {"run":...,"round":...,"members":[...],"metrics":{...}}
  std::string status_json() const;

  void on_line(std::function<void(const LedgerLine&)> on_line) { on_line_ = std::move(on_line); }
  // While members are awaited: how many are there, of how many.
  void on_waiting(std::function<void(std::size_t, std::size_t)> on_waiting) {
    on_waiting_ = std::move(on_waiting);
  }
  // From any thread or a signal handler.
  void request_stop() { run_->world().request_stop(); }

  // None when it was asked to stop. `threads` is for the record.
  Result<std::optional<RunSummary>> go(std::size_t threads);

 private:
  ServerRun(const ServerRunSettings& settings, std::unique_ptr<RealRun> run);

  Status open_folder(const Experiment& experiment);
  Status recover(const Recovered& past);
  void make_gate();
  Status start_server(const Experiment& experiment, std::uint64_t incarnation);
  bool wait_for_members();
  void on_gate_event(const GateEvent& event);
  void boundary(Node& node);
  void round_closed(Step round, std::span<const NodeId> senders);
  Status begin_run();
  void lose_those_who_stay_away();
  std::vector<NodeId> present() const;
  std::vector<FrameReceipt> counted_receipts(Step round) const;
  void write_line(const LedgerLine& line);

  ServerRunSettings settings_;
  std::string id_;
  Metrics metrics_;
  std::unique_ptr<RealRun> run_;
  std::unique_ptr<ServerStore> store_;
  std::unique_ptr<AuditLog> audit_;
  std::unique_ptr<RevocationList> revocations_;
  std::unique_ptr<Gate> gate_;
  FolderWriter writer_;
  Step first_round_ = 0;
  bool begun_before_ = false;  // by an earlier incarnation
  double awaited_until_s_ = 0.0;
  std::set<NodeId> counted_;  // whose updates are in the round that was closed last
  Digest model_{};            // at the beginning of the current round
  Status written_;
  std::function<void(const LedgerLine&)> on_line_;
  std::function<void(std::size_t, std::size_t)> on_waiting_;
  std::unique_ptr<GrpcServer> server_;  // last: it calls into all of the above
};

}  // namespace shoal
