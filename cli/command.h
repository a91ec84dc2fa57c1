// The subcommands of `shoal`, one file each.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "shoal/base/result.h"

namespace shoal {

// Exit codes: 0 done; 2 something to change in what was asked; 130 interrupted, resumable.
inline constexpr int kExitBadInput = 2;
inline constexpr int kExitInterrupted = 130;

// What the parsed command line asked for.
using Action = std::function<int()>;

// Prints "shoal: <sentence>" to the error stream and returns kExitBadInput.
int complain(const Error& error);

void add_run_command(CLI::App& app, Action& action);
void add_compare_command(CLI::App& app, Action& action);
void add_sweep_command(CLI::App& app, Action& action);
void add_grid_command(CLI::App& app, Action& action);
void add_study_command(CLI::App& app, Action& action);
void add_list_command(CLI::App& app, Action& action);
void add_explain_command(CLI::App& app, Action& action);
void add_check_command(CLI::App& app, Action& action);
void add_partition_command(CLI::App& app, Action& action);
void add_aggregate_command(CLI::App& app, Action& action);
void add_encode_command(CLI::App& app, Action& action);
void add_decode_command(CLI::App& app, Action& action);
void add_server_command(CLI::App& app, Action& action);
void add_join_command(CLI::App& app, Action& action);
void add_local_command(CLI::App& app, Action& action);
void add_status_command(CLI::App& app, Action& action);
void add_ca_command(CLI::App& app, Action& action);

}  // namespace shoal
