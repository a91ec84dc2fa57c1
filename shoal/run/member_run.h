// MemberRun: a member's process of a run over a network: it joins, is given the experiment and its
// place, and runs the program of its node until the method is done.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "shoal/net/checkpoint_store.h"
#include "shoal/net/grpc/grpc_client.h"
#include "shoal/net/identity/revocation_list.h"
#include "shoal/run/real_run.h"

namespace shoal {

struct MemberRunSettings {
  GrpcClientSettings client;  // `rows` is filled in from the data
  std::string data;           // own rows (own_data.h); empty: a share of the experiment's data
  std::string revoked;        // revocation list, for peers; empty: none
  // Where its state is kept, so that it goes on after being killed; empty: nowhere. Only methods
  // whose clients remember something between rounds need it.
  std::string state;
};

class MemberRun {
 public:
  // Blocks until the server has given it a place.
  static Result<std::unique_ptr<MemberRun>> join(const MemberRunSettings& settings,
                                                 ThreadPool& pool);
  ~MemberRun();

  const Joined& joined() const { return client_->joined(); }
  const Assembly& assembly() const { return run_->assembly(); }
  // From any thread or a signal handler.
  void request_stop() { run_->world().request_stop(); }

  // Until the method is done; false when it was asked to stop. An error when the server is gone for
  // too long or has refused us.
  Result<bool> go();

 private:
  explicit MemberRun(const MemberRunSettings& settings) : settings_(settings) {}
  Status make_run(Dataset rows, ThreadPool& pool);
  void make_gate();
  Result<bool> recover();  // whether there was a state to go on with
  Status begin_as_newcomer();
  void boundary(Node& node);

  MemberRunSettings settings_;
  Metrics metrics_;
  std::unique_ptr<RealRun> run_;
  std::unique_ptr<RevocationList> revocations_;
  std::unique_ptr<Gate> gate_;  // of peers
  std::unique_ptr<CheckpointStore> store_;
  std::uint64_t saves_ = 0;
  std::unique_ptr<GrpcClient> client_;  // last: it calls into all of the above
};

}  // namespace shoal
