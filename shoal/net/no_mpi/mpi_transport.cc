// Stands in for net/mpi in a build without MPI.
#include "shoal/net/mpi/mpi_transport.h"

namespace shoal {

struct MpiTransport::State {};

bool started_under_mpi() { return false; }

MpiTransport::MpiTransport(std::unique_ptr<State> state) : state_(std::move(state)) {}
MpiTransport::~MpiTransport() = default;

Result<std::unique_ptr<MpiTransport>> MpiTransport::join() {
  return unsupported(
      "this build has no MPI; install libopenmpi-dev and configure with -DSHOAL_WITH_MPI=ON");
}

std::size_t MpiTransport::rank() const { return 0; }
std::size_t MpiTransport::ranks() const { return 1; }
void MpiTransport::start(FrameSink&, std::vector<std::size_t>) {}
void MpiTransport::finish() {}
void MpiTransport::send(NodeId, NodeId, const Frame&) {}
void MpiTransport::observe(NodeId, Bytes) {}
void MpiTransport::drain(double) {}

}  // namespace shoal
