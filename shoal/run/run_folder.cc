#include "shoal/run/run_folder.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "shoal/base/file.h"
#include "shoal/base/sha256.h"
#include "shoal/base/toml.h"

namespace shoal {

Result<RunSummary> read_run_folder(const std::string& folder) {
  RunSummary summary;
  summary.folder = folder;
  SHOAL_TRY(const std::string text, read_text_file(folder + "/experiment.toml"));
  SHOAL_TRY(const Table experiment, parse_toml(text));
  if (const Value* name = experiment.find("name"))
    if (const auto* held = name->as<std::string>()) summary.name = *held;
  if (const Value* method = experiment.find("method"))
    if (const auto* table = method->as<Table>())
      if (const Value* kind = table->find("kind"))
        if (const auto* held = kind->as<std::string>()) summary.method = *held;
  SHOAL_TRY(summary.lines, read_ledger(folder + "/ledger.jsonl"));
  if (const auto machine = read_text_file(folder + "/machine.json"); machine.ok()) {
    const auto parsed = nlohmann::json::parse(*machine, nullptr, false);
    if (parsed.is_object()) {
      summary.world = parsed.value("world", summary.world);
      summary.wall_s = parsed.value("wall_s", 0.0);
      summary.peak_memory_bytes = parsed.value("peak_memory_bytes", 0.0);
    }
  }
  if (const auto model = read_file(folder + "/model.safetensors"); model.ok())
    summary.model_digest = hex(sha256(*model));
  return summary;
}

}  // namespace shoal
