// Structured logs of long-running processes: one JSON object a line on the error stream.
//
//   {"time":"2026-03-01T12:00:00.125Z","level":"warning","event":"update_refused","node":"3",...}
//
// Runs never depend on it. Values are escaped, so nothing a peer sends can forge a line.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace shoal {

enum class LogLevel { kInfo, kWarning, kError };

using LogFields = std::initializer_list<std::pair<std::string_view, std::string>>;

// From any thread; a line is written whole.
void log_event(LogLevel level, std::string_view event, LogFields fields = {});
// Nothing below this level is written; kInfo at the start.
void set_log_level(LogLevel level);
// The line that log_event would write, without its newline; `time` in unix milliseconds.
std::string log_line(LogLevel level, std::string_view event, LogFields fields, long long time_ms);

}  // namespace shoal
