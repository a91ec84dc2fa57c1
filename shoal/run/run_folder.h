// The folder a run leaves (docs/architecture.md, "What a run leaves").
#pragma once

#include <string>
#include <vector>

#include "shoal/run/ledger.h"

namespace shoal {

// What tables and reports say about one run.
struct RunSummary {
  std::string name;
  std::string folder;
  std::string method;  // "fedavg", "relaysgd", ...
  std::vector<LedgerLine> lines;
  std::string world = "simulation";  // or "mpi", "grpc": then times are real
  double wall_s = 0.0;               // 0 when unknown
  double peak_memory_bytes = 0;      // of the whole process; 0 when unknown
  std::string model_digest;          // SHA-256 of model.safetensors; empty when unknown
};

// Reads ledger.jsonl, experiment.toml and machine.json of a run's folder.
Result<RunSummary> read_run_folder(const std::string& folder);

}  // namespace shoal
