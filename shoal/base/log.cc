#include "shoal/base/log.h"

#include <atomic>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace shoal {
namespace {

std::atomic<LogLevel> lowest{LogLevel::kInfo};

const char* name(LogLevel level) {
  switch (level) {
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      break;
  }
  return "error";
}

}  // namespace

std::string log_line(LogLevel level, std::string_view event, LogFields fields, long long time_ms) {
  const std::time_t seconds = time_ms / 1000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  nlohmann::ordered_json line;
  line["time"] =
      fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900, utc.tm_mon + 1,
                  utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, time_ms % 1000);
  line["level"] = name(level);
  line["event"] = event;
  for (const auto& [key, value] : fields) line[std::string(key)] = value;
  return line.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace);
}

void log_event(LogLevel level, std::string_view event, LogFields fields) {
  if (level < lowest.load()) return;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto time_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  const std::string line = log_line(level, event, fields, time_ms) + "\n";
  std::fwrite(line.data(), 1, line.size(), stderr);
}

void set_log_level(LogLevel level) { lowest.store(level); }

}  // namespace shoal
