#include "shoal/run/folder_writer.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/resource.h>
#include <unistd.h>

#include "shoal/base/file.h"
#include "shoal/base/sha256.h"
#include "shoal/base/toml.h"
#include "shoal/data/partition_statistics.h"
#include "shoal/model/safetensors.h"
#include "shoal/run/report.h"
#include "shoal/run/tensorboard.h"

namespace shoal {
namespace {

constexpr std::size_t kDigestBytes = 32;

// A checkpoint on disk: its SHA-256, then the bytes.
Result<Bytes> read_checkpoint(const std::string& path) {
  SHOAL_TRY(Bytes bytes, read_file(path));
  if (bytes.size() < kDigestBytes) return corrupt(path + " is cut short");
  const Digest digest = sha256(ByteView(bytes).subspan(kDigestBytes));
  if (std::memcmp(digest.data(), bytes.data(), kDigestBytes) != 0)
    return corrupt(path + " does not match its checksum");
  bytes.erase(bytes.begin(), bytes.begin() + kDigestBytes);
  return bytes;
}

// The settings that decide what a run computes: what else it writes, and how often, does not.
std::string identity(const Experiment& experiment) {
  Experiment plain = experiment;
  plain.report.checkpoint_every = 0;
  plain.report.tensorboard = plain.report.trace = false;
  return write_toml(plain.table());
}

// What was sent, by link and kind: the same in every world while nothing is lost.
std::string traffic_json(const Traffic& traffic) {
  nlohmann::ordered_json links = nlohmann::ordered_json::array();
  for (const auto& [link, flow] : traffic.by_link())
    links.push_back({{"from", link.from},
                     {"to", link.to},
                     {"kind", tag_text(link.tag)},
                     {"frames", flow.frames},
                     {"bytes", flow.sent_bytes}});
  return links.dump(1) + "\n";
}

Status system_error(const std::string& what, const std::string& path) {
  return io_error(fmt::format("cannot {} {}: {}", what, path, std::strerror(errno)));
}

}  // namespace

double peak_memory_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) * 1024.0;
}

FolderWriter::~FolderWriter() {
  if (ledger_) std::fclose(ledger_);
}

Status FolderWriter::begin(const std::string& folder, const Experiment& experiment) {
  folder_ = folder;
  SHOAL_TRY_STATUS(make_folders(folder));
  std::error_code ignored;
  std::filesystem::remove_all(folder + "/checkpoint", ignored);
  for (const char* stale : {"model.safetensors", "machine.json", "report.html"})
    std::filesystem::remove(folder + "/" + stale, ignored);
  SHOAL_TRY_STATUS(
      write_file_atomically(folder + "/experiment.toml", write_toml(experiment.table())));
  const std::string path = folder + "/ledger.jsonl";
  ledger_ = std::fopen(path.c_str(), "we");
  return ledger_ ? ok_status() : system_error("create", path);
}

Result<Bytes> FolderWriter::resume(const std::string& folder, const Experiment& experiment) {
  folder_ = folder;
  SHOAL_TRY(const std::string text, read_text_file(folder + "/experiment.toml"));
  SHOAL_TRY(const Table table, parse_toml(text));
  SHOAL_TRY(const Experiment before, resolve_experiment(table));
  if (identity(before) != identity(experiment))
    return invalid_argument(fmt::format(
        "{} holds a run of another experiment; resume with the same file and settings, or use "
        "another --out",
        folder));
  auto newest = read_text_file(folder + "/checkpoint/newest.txt");
  if (!newest.ok()) return not_found(fmt::format("{} has no checkpoint to resume from", folder));
  auto checkpoint = read_checkpoint(folder + "/checkpoint/" + *newest);
  if (!checkpoint.ok()) {
    const char* other = *newest == "a.bin" ? "b.bin" : "a.bin";
    checkpoint = read_checkpoint(folder + "/checkpoint/" + other);
    if (!checkpoint.ok()) return checkpoint.error();
  }
  // The ledger is rewritten from the checkpoint's own lines: whatever came later is replayed.
  ByteReader in(*checkpoint);
  SHOAL_TRY(const auto lines, in.number<std::uint64_t>());
  std::string ledger;
  for (std::uint64_t i = 0; i < lines; ++i) {
    SHOAL_TRY(const std::string json, in.text());
    ledger += json + "\n";
  }
  const std::string path = folder + "/ledger.jsonl";
  SHOAL_TRY_STATUS(write_file_atomically(path, ledger));
  ledger_ = std::fopen(path.c_str(), "ae");
  if (!ledger_) return system_error("open", path).error();
  return checkpoint;
}

Status FolderWriter::go_on(const std::string& folder, const std::vector<LedgerLine>& lines) {
  folder_ = folder;
  std::string ledger;
  for (const LedgerLine& line : lines) ledger += to_json(line) + "\n";
  const std::string path = folder + "/ledger.jsonl";
  SHOAL_TRY_STATUS(write_file_atomically(path, ledger));
  if (ledger_) std::fclose(ledger_);
  ledger_ = std::fopen(path.c_str(), "ae");
  return ledger_ ? ok_status() : system_error("open", path);
}

Status FolderWriter::add_line(const LedgerLine& line) {
  const std::string text = to_json(line) + "\n";
  if (std::fwrite(text.data(), 1, text.size(), ledger_) != text.size() || std::fflush(ledger_) != 0)
    return system_error("write", folder_ + "/ledger.jsonl");
  return ok_status();
}

Status FolderWriter::save_checkpoint(ByteView checkpoint) {
  const std::string folder = folder_ + "/checkpoint";
  SHOAL_TRY_STATUS(make_folders(folder));
  const auto newest = read_text_file(folder + "/newest.txt");
  const std::string name = newest.ok() && *newest == "a.bin" ? "b.bin" : "a.bin";
  ByteWriter out;
  const Digest digest = sha256(checkpoint);
  out.raw(digest);
  out.raw(checkpoint);
  SHOAL_TRY_STATUS(write_file_atomically(folder + "/" + name, out.bytes()));
  return write_file_atomically(folder + "/newest.txt", name);
}

Status FolderWriter::write_model(const Assembly& assembly, const RunResult& result) const {
  const Layout& layout = assembly.layout();
  Layout all;
  std::vector<float> values;
  const bool single = assembly.method->servers() > 0;
  const auto add = [&](NodeId node, const auto& parameters) {
    const std::string prefix = single ? "" : fmt::format("node{}.", node);
    for (const TensorInfo& tensor : layout.tensors())
      all.add(prefix + tensor.name, tensor.shape, tensor.trainable, tensor.shared);
    values.insert(values.end(), parameters.begin(), parameters.end());
  };
  for (const auto& [node, parameters] : result.models) add(node, parameters);
  for (const auto& [node, parameters] : result.models_double) add(node, parameters);
  const bool rounded = !result.models_double.empty();
  const SafeTensors::Metadata metadata = {
      {"shoal", "1"}, {"precision", rounded ? "double, rounded to float32" : "float32"}};
  return write_safetensors(folder_ + "/model.safetensors", all, values, metadata);
}

Status FolderWriter::finish(const Assembly& assembly, const RunResult& result, double wall_s,
                            std::size_t threads) {
  if (!result.interrupted) SHOAL_TRY_STATUS(write_model(assembly, result));
  if (assembly.experiment.report.links)
    SHOAL_TRY_STATUS(
        write_file_atomically(folder_ + "/traffic.json", traffic_json(result.traffic)));
  const PartitionStatistics partition = partition_statistics(assembly.partition);
  SHOAL_TRY_STATUS(write_file_atomically(folder_ + "/partition.csv", statistics_csv(partition)));
  SHOAL_TRY_STATUS(write_file_atomically(folder_ + "/partition.txt", statistics_table(partition)));
  nlohmann::ordered_json machine;
  machine["world"] = result.world;
  machine["wall_s"] = wall_s;
  machine["peak_memory_bytes"] = peak_memory_bytes();
  machine["threads"] = threads;
  machine["events"] = result.events;
  machine["trace_digest"] = fmt::format("{:016x}", result.trace_digest);
  machine["interrupted"] = result.interrupted;
  return write_file_atomically(folder_ + "/machine.json", machine.dump(2) + "\n");
}

Result<RunSummary> FolderWriter::summarise(const Assembly& assembly,
                                           const RunResult& result) const {
  if (assembly.experiment.report.tensorboard && !result.interrupted)
    SHOAL_TRY_STATUS(write_file_atomically(folder_ + "/events.out.tfevents.0.shoal",
                                           tensorboard_events(result.lines)));
  if (!result.interrupted) {
    std::error_code ignored;
    std::filesystem::remove_all(folder_ + "/checkpoint", ignored);
  }
  SHOAL_TRY(RunSummary summary, read_run_folder(folder_));
  SHOAL_TRY_STATUS(
      write_file_atomically(folder_ + "/report.html", report_html(summary.name, {summary})));
  return summary;
}

}  // namespace shoal
