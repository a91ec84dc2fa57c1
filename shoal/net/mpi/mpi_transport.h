// MpiTransport: frames between the ranks of an MPI job.
//
// Wire, per frame: a header of 24 bytes (u32 from, u32 to, u64 size, u64 kind), then the frame as
// it is, in pieces of at most 1 GiB. MPI keeps the messages of a pair of ranks in order, so bodies
// follow their headers; nothing is copied on either side.
//
// One thread of its own makes all MPI calls and none of them blocks: where nothing moves it sleeps,
// from 50 us right after traffic up to 2 ms, so idle ranks leave their cores alone. MPI knows no
// identities: use it on a network you trust.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "shoal/base/result.h"
#include "shoal/net/transport.h"

namespace shoal {

// Whether mpirun or srun started this process as one of several ranks.
bool started_under_mpi();

class MpiTransport : public Transport {
 public:
  // Joins the job. Fails in a build without MPI.
  static Result<std::unique_ptr<MpiTransport>> join();
  ~MpiTransport() override;

  std::size_t rank() const;
  std::size_t ranks() const;

  // Frames for node i go to rank rank_of_node[i]; observations go to rank 0.
  void start(FrameSink& sink, std::vector<std::size_t> rank_of_node);
  // Hands over what is queued, then waits (asleep) until every rank has come here.
  void finish();

  // Transport.
  void send(NodeId from, NodeId to, const Frame& frame) override;
  void observe(NodeId from, Bytes observation) override;
  void drain(double patience_s) override;

 private:
  struct State;
  explicit MpiTransport(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace shoal
