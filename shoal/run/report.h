// The report of one or several runs: one HTML page with everything in it, no network needed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "shoal/run/run_folder.h"

namespace shoal {

// A table of final figures, and curves of accuracy (or loss, where there is none) against rounds,
// bytes and virtual time. With a target accuracy, the table says when each run reached it.
std::string report_html(const std::string& title, const std::vector<RunSummary>& runs,
                        std::optional<double> target_accuracy = {});

// The same table as text: final accuracy (or loss), virtual time, megabytes sent, gradients, wall
// seconds. Final figures are means over the last tenth of the measured rounds.
std::string summary_table(const std::vector<RunSummary>& runs,
                          std::optional<double> target_accuracy = {});

}  // namespace shoal
