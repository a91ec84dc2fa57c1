#include "shoal/net/checkpoint_store.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <utility>

#include "shoal/net/limits.h"

namespace shoal {
namespace {

constexpr std::string_view kMagic = "shoalchk";
constexpr std::uint32_t kFormat = 1;
constexpr std::size_t kFootHashedBytes = 8 + 8 + sizeof(Digest);
constexpr std::size_t kFootBytes = kFootHashedBytes + sizeof(Digest) + 8 + 4 + 4;
constexpr std::string_view kPrefix = "checkpoint-";
constexpr std::size_t kDigits = 10;

std::string name_of(std::uint64_t number) {
  return fmt::format("{}{:0{}}", kPrefix, number, kDigits);
}

// Only names that name_of() gives, so that a number has one file.
std::optional<std::uint64_t> number_of(std::string_view name) {
  if (!name.starts_with(kPrefix)) return std::nullopt;
  const std::string_view digits = name.substr(kPrefix.size());
  std::uint64_t number = 0;
  const auto [end, code] = std::from_chars(digits.begin(), digits.end(), number);
  if (code != std::errc() || end != digits.end() || name_of(number) != name) return std::nullopt;
  return number;
}

// What the digest covers besides the state.
Bytes foot_begin(std::uint64_t size_bytes, std::uint64_t number, std::string_view run) {
  ByteWriter out;
  out.number<std::uint64_t>(size_bytes);
  out.number<std::uint64_t>(number);
  out.raw(sha256(as_bytes(run)));
  return std::move(out).take();
}

Bytes foot_end(const Digest& digest) {
  ByteWriter out;
  out.raw(digest);
  out.raw(as_bytes(kMagic));
  out.number<std::uint32_t>(kFormat);
  out.number<std::uint32_t>(0);
  return std::move(out).take();
}

}  // namespace

Result<Checkpoint> parse_checkpoint(Bytes file, std::string_view run) {
  if (file.size() < kFootBytes)
    return corrupt(fmt::format("{} bytes are too few for a checkpoint", file.size()));
  ByteReader in(ByteView(file).last(kFootBytes));
  SHOAL_TRY(const std::uint64_t size_bytes, in.number<std::uint64_t>());
  SHOAL_TRY(const std::uint64_t number, in.number<std::uint64_t>());
  SHOAL_TRY(const ByteView run_digest, in.raw(sizeof(Digest)));
  SHOAL_TRY(const ByteView stored, in.raw(sizeof(Digest)));
  SHOAL_TRY(const ByteView magic, in.raw(kMagic.size()));
  SHOAL_TRY(const std::uint32_t format, in.number<std::uint32_t>());
  SHOAL_TRY(const std::uint32_t zero, in.number<std::uint32_t>());
  if (as_text(magic) != kMagic || zero != 0)
    return corrupt("it does not end like a shoal checkpoint: cut short or another kind of file");
  if (format != kFormat)
    return unsupported(fmt::format(
        "it has format {} and this shoal reads {}; use the shoal that wrote it", format, kFormat));
  if (size_bytes != file.size() - kFootBytes)
    return corrupt(fmt::format("it says {} bytes of state and holds {}", size_bytes,
                               file.size() - kFootBytes));
  Sha256 hash;
  hash.update(ByteView(file).first(size_bytes + kFootHashedBytes));
  Checkpoint checkpoint{number, hash.finish(), {}};
  if (!std::equal(stored.begin(), stored.end(), checkpoint.sha256.begin()))
    return corrupt("its SHA-256 does not fit its content: the file was damaged");
  const Digest own_run = sha256(as_bytes(run));
  if (!std::equal(run_digest.begin(), run_digest.end(), own_run.begin()))
    return invalid_argument(
        fmt::format("it belongs to another run than '{}'; give each run its own folder", run));
  file.resize(file.size() - kFootBytes);
  checkpoint.state = std::move(file);
  return checkpoint;
}

CheckpointStore::CheckpointStore(Disk& disk, std::string folder, std::string run)
    : disk_(disk), folder_(std::move(folder)), run_(std::move(run)) {}

Status CheckpointStore::prepare() {
  SHOAL_TRY_STATUS(disk_.make_folder(folder_));
  SHOAL_TRY(const auto names, disk_.list(folder_));
  for (const std::string& name : names)
    if (name.starts_with(kPrefix) && name.ends_with(kTemporaryEnding))
      SHOAL_TRY_STATUS(disk_.remove(path_in(folder_, name)));
  return ok_status();
}

Result<Digest> CheckpointStore::save(std::uint64_t number, ByteView state) {
  if (state.size() > kCheckpointBytesMax - kFootBytes)
    return limit_exceeded(fmt::format("a state of {} bytes; a checkpoint holds at most {}",
                                      state.size(), kCheckpointBytesMax - kFootBytes));
  NewFile file(disk_, folder_, name_of(number));
  Sha256 hash;
  // Piece by piece, so that each is hashed and copied while it is in the cache.
  for (std::size_t at = 0; at < state.size(); at += kDiskWriteBytesMax) {
    const ByteView piece = state.subspan(at, std::min(kDiskWriteBytesMax, state.size() - at));
    hash.update(piece);
    file.write(piece);
  }
  Bytes foot = foot_begin(state.size(), number, run_);
  hash.update(foot);
  const Digest digest = hash.finish();
  const Bytes end = foot_end(digest);
  foot.insert(foot.end(), end.begin(), end.end());
  file.write(foot);
  SHOAL_TRY_STATUS(file.finish_writing());
  SHOAL_TRY_STATUS(file.put_in_place());
  return digest;
}

Result<Checkpoint> CheckpointStore::load(std::uint64_t number) {
  const std::string path = path_in(folder_, name_of(number));
  SHOAL_TRY(Bytes file, disk_.read(path, kCheckpointBytesMax));
  auto checkpoint = parse_checkpoint(std::move(file), run_);
  if (!checkpoint.ok()) return within(path, checkpoint.error());
  if (checkpoint->number != number)
    return corrupt(
        fmt::format("{} holds number {}: the file was renamed", path, checkpoint->number));
  return checkpoint;
}

Result<CheckpointStore::Found> CheckpointStore::load_newest() {
  SHOAL_TRY(const std::vector<std::uint64_t> all, numbers());
  Found found;
  for (auto number = all.rbegin(); number != all.rend(); ++number) {
    auto checkpoint = load(*number);
    if (checkpoint.ok()) {
      found.checkpoint = std::move(*checkpoint);
      return found;
    }
    if (checkpoint.error().code != ErrorCode::kCorrupt) return checkpoint.error();
    found.skipped.push_back(checkpoint.error().message);
  }
  if (found.skipped.empty()) return found;
  return corrupt(
      fmt::format("no checkpoint is whole: {}; restore one from a copy, or remove them "
                  "to start anew",
                  found.skipped.front()));
}

Status CheckpointStore::prune(std::uint64_t newest) {
  SHOAL_TRY(const std::vector<std::uint64_t> all, numbers());
  std::vector<std::uint64_t> keep = {newest};
  const auto at = std::lower_bound(all.begin(), all.end(), newest);
  if (at != all.begin()) keep.push_back(*(at - 1));
  return keep_only(keep);
}

Status CheckpointStore::keep_only(std::span<const std::uint64_t> keep) {
  SHOAL_TRY(const std::vector<std::uint64_t> all, numbers());
  for (const std::uint64_t number : all)
    if (std::find(keep.begin(), keep.end(), number) == keep.end())
      SHOAL_TRY_STATUS(disk_.remove(path_in(folder_, name_of(number))));
  return ok_status();
}

Result<std::vector<std::uint64_t>> CheckpointStore::numbers() {
  SHOAL_TRY(const auto names, disk_.list(folder_));
  std::vector<std::uint64_t> all;
  for (const std::string& name : names)
    if (const auto number = number_of(name)) all.push_back(*number);
  std::sort(all.begin(), all.end());
  return all;
}

}  // namespace shoal
