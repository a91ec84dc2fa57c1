// CheckpointStore: the newest states of one node in a folder, each replaced atomically. For servers
// (through server_store.h) and, as it is, for clients and peers:
//
//   CheckpointStore store(real_disk(), folder, run);
//   SHOAL_TRY_STATUS(store.prepare());
//   SHOAL_TRY(auto found, store.load_newest());         // after kill -9: found.checkpoint
//   SHOAL_TRY(const Digest digest, store.save(step, state));   // durable when it returns ok
//   SHOAL_TRY_STATUS(store.prune(step));                // this one and the one before stay
//
// A file `checkpoint-0000000042`, little-endian: the state, then a foot that says what it is:
//
//   u64 size of the state, u64 number, 32 bytes SHA-256 of the run's id, 32 bytes SHA-256 of all
//   before it, 8 bytes "shoalchk", u32 format (1), u32 zero                         96 bytes
//
// The foot comes last so that a state is hashed as it is written and read back without a copy: its
// memory is the file's. Saving costs one pass of SHA-256, one write and two syncs.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "shoal/base/sha256.h"
#include "shoal/net/disk.h"

namespace shoal {

struct Checkpoint {
  std::uint64_t number = 0;  // a round or a step
  Digest sha256{};           // of the state and what the foot says of it
  Bytes state;
};

// Checks a file's bytes and gives them back as a checkpoint, in the same memory.
Result<Checkpoint> parse_checkpoint(Bytes file, std::string_view run);

class CheckpointStore {
 public:
  CheckpointStore(Disk& disk, std::string folder, std::string run);

  // Makes the folder and removes what an unfinished save left.
  Status prepare();
  // Durable when it returns ok, under a name of its own; one of the same number is replaced, all
  // others stay. After an error the older ones are intact. The digest is that of the Checkpoint.
  Result<Digest> save(std::uint64_t number, ByteView state);
  Result<Checkpoint> load(std::uint64_t number);

  struct Found {
    std::optional<Checkpoint> checkpoint;  // none where the folder holds none at all
    std::vector<std::string> skipped;      // newer ones that are damaged: file and reason
  };
  // The newest valid one. When all are damaged, or one cannot be read, an error: starting anew
  // over them is for a person to decide.
  Result<Found> load_newest();

  // Removes all but number `newest` and the one before it.
  Status prune(std::uint64_t newest);
  // Removes all but these.
  Status keep_only(std::span<const std::uint64_t> keep);
  // In increasing order.
  Result<std::vector<std::uint64_t>> numbers();

 private:
  Disk& disk_;
  std::string folder_;
  std::string run_;
};

}  // namespace shoal
