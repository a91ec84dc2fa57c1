// The table of final figures that the text summary and the HTML report share.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "shoal/run/run_folder.h"

namespace shoal {

struct ReportColumn {
  std::string heading;
  bool is_text = false;            // left-aligned; else numbers that line up at the point
  std::vector<std::string> cells;  // one a run; "–" where a run has no such figure
};

// run, final accuracy, loss where a run has no accuracy, worst node where there are peers, virtual
// time, megabytes sent in all, up and down, gradients, wall seconds. Texts are not escaped. With a
// target, also the time and bytes to the first measurement whose accuracy is not below it; of the
// mean model, where peers have models of their own.
std::vector<ReportColumn> report_columns(const std::vector<RunSummary>& runs,
                                         std::optional<double> target_accuracy = {});

// Whether some run has the figure on some line.
bool has_figure(const RunSummary& run, const std::string& name);
bool any_has_figure(const std::vector<RunSummary>& runs, const std::string& name);

// A run whose nodes are peers: its ledger has figures of the worst node or of their distance. Its
// bytes_up then counts everything sent; with a server bytes_down is what the server sent.
bool is_among_peers(const RunSummary& run);
bool is_among_peers(const LedgerLine& line);  // of a line that measures models
double bytes_sent(const LedgerLine& line, bool among_peers);

// Whether the figure had ceased to be finite when the run ended: ledgers leave such values out, so
// it is missing from the end for at least as long as its measurements are apart elsewhere.
bool ended_not_finite(const RunSummary& run, const std::string& name);

}  // namespace shoal
