// One experiment over the ranks of an MPI job.
#pragma once

#include <optional>
#include <string>

#include "shoal/base/thread_pool.h"
#include "shoal/net/mpi/mpi_transport.h"
#include "shoal/run/experiment.h"
#include "shoal/run/run_folder.h"

namespace shoal {

// To be called by every rank; rank 0 returns the summary of what it wrote into `folder`.
Result<std::optional<RunSummary>> run_over_mpi(const Experiment& experiment,
                                               const std::string& folder, bool quiet,
                                               MpiTransport& transport, ThreadPool& pool);

}  // namespace shoal
