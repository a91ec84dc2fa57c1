// `mpirun -n 9 shoal run exp.toml`: every rank holds its share of the nodes, rank 0 the ledger.
#include "cli/run_mpi.h"

#include <algorithm>

#include "shoal/net/mpi/mpi_transport.h"
#include "shoal/run/folder_writer.h"
#include "shoal/run/real_run.h"

#include "cli/progress.h"

namespace shoal {
namespace {

// Blocks of nodes, as even as can be; with a server and a rank for every node, node i is rank i.
// Ranks beyond the number of nodes hold none.
std::vector<std::size_t> ranks_of_nodes(std::size_t nodes, std::size_t ranks) {
  ranks = std::min(ranks, nodes);
  std::vector<std::size_t> rank_of_node(nodes);
  for (std::size_t node = 0; node < nodes; ++node) rank_of_node[node] = node * ranks / nodes;
  return rank_of_node;
}

}  // namespace

Result<std::optional<RunSummary>> run_over_mpi(const Experiment& experiment,
                                               const std::string& folder, bool quiet,
                                               MpiTransport& transport, ThreadPool& pool) {
  SHOAL_TRY(auto assembly, assemble(experiment, pool.threads(), &pool));
  const std::size_t nodes = assembly->nodes();
  const std::vector<std::size_t> rank_of_node = ranks_of_nodes(nodes, transport.ranks());
  RealRun::Place place;
  place.world = "mpi";
  place.keeps_ledger = transport.rank() == 0;
  place.trusts_others = true;
  for (NodeId node = 0; node < nodes; ++node)
    if (rank_of_node[node] == transport.rank()) place.local.push_back(node);
  SHOAL_TRY(auto run, RealRun::create(std::move(assembly), place, pool));

  FolderWriter writer;
  Status written;
  if (place.keeps_ledger) written = writer.begin(folder, experiment);
  Progress progress(experiment.general.name, run->assembly().method->length(),
                    quiet || !place.keeps_ledger, "real");
  run->on_line([&](const LedgerLine& line) {
    if (written.ok()) written = writer.add_line(line);
    progress.update(line);
  });
  transport.start(run->world(), rank_of_node);
  const Status went = run->go(transport, experiment.general.patience_s);
  transport.finish();
  progress.finish();
  SHOAL_TRY_STATUS(went);
  if (!place.keeps_ledger) return std::optional<RunSummary>();
  SHOAL_TRY_STATUS(written);
  SHOAL_TRY_STATUS(
      writer.finish(run->assembly(), run->result(), progress.wall_s(), pool.threads()));
  SHOAL_TRY(RunSummary summary, writer.summarise(run->assembly(), run->result()));
  return std::optional<RunSummary>(std::move(summary));
}

}  // namespace shoal
