// Writes the folder of a run while it goes on:
//
//   experiment.toml    the resolved experiment
//   ledger.jsonl       a line a round, the same bytes on every replay
//   model.safetensors  the final model (of every peer, prefixed node<i>., where there is no server)
//   partition.csv      rows and label skew of every node; partition.txt has the summary
//   traffic.json       bytes of every link and kind of message, when report.links is set
//   machine.json       wall seconds, peak memory, threads: what may differ between replays
//   checkpoint/        the last two checkpoints, newest.txt naming the newer one
//
// Every file is written whole through a temporary, but the ledger, which grows by whole lines and
// is cut back to its checkpoint on resuming.
#pragma once

#include <cstdio>
#include <string>

#include "shoal/run/assembly.h"
#include "shoal/run/run_folder.h"

namespace shoal {

class FolderWriter {
 public:
  FolderWriter() = default;
  ~FolderWriter();
  FolderWriter(const FolderWriter&) = delete;
  FolderWriter& operator=(const FolderWriter&) = delete;

  // A new run: makes the folder; an earlier run in it is replaced.
  Status begin(const std::string& folder, const Experiment& experiment);
  // An interrupted run: reads its newest valid checkpoint and cuts the ledger back to it. An error
  // when the folder holds no checkpoint, or one of another experiment.
  Result<Bytes> resume(const std::string& folder, const Experiment& experiment);

  // A run whose rounds are kept elsewhere goes on (run/server_run.h): the ledger starts with these.
  Status go_on(const std::string& folder, const std::vector<LedgerLine>& lines);

  Status add_line(const LedgerLine& line);
  Status save_checkpoint(ByteView checkpoint);
  Status finish(const Assembly& assembly, const RunResult& result, double wall_s,
                std::size_t threads);

  // After finish(): the report and event files of a run that ended, without its checkpoint; and
  // what the folder says.
  Result<RunSummary> summarise(const Assembly& assembly, const RunResult& result) const;

  const std::string& folder() const { return folder_; }

 private:
  Status write_model(const Assembly& assembly, const RunResult& result) const;
  std::string folder_;
  std::FILE* ledger_ = nullptr;
};

// Peak resident memory of this process so far.
double peak_memory_bytes();

}  // namespace shoal
