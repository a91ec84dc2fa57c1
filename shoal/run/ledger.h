// The ledger of a run: one line a round, the same bytes on every replay.
//
//   {"round":9,"time_s":51.2,"bytes_up":1272432,"bytes_down":...,"gradients":60000,
//    "test_accuracy":0.71,"test_loss":0.83, ...}
//
// For peers test_accuracy and test_loss are means over the nodes, with `_worst` of the worst node
// and `_of_mean` of the averaged model. bytes_up and bytes_down count frames as encoded, up to
// this round's end: with a server, what clients sent and what the server sent; among peers, what
// was sent and what arrived. Other figures are what the method showed (train_loss, missing, ...).
//
// Of a [rule] that sees its senders' rows: `kept_count`, how many of them went into the result, and
// `suspects_<kind>`. Where it is known who lies also `kept_liars`, `detection_precision` (of the
// senders left out, how many lie) and `detection_recall` (of the liars whose rows the rule saw, how
// many it left out), each only where the ratio is defined; among peers they are means over the
// honest ones. `attack_success` is the share of the rows that the liars want mislabelled which is.
// With a server the line ends with the ids of those kept: "kept":[1,2,5].
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "shoal/base/ids.h"
#include "shoal/base/result.h"

namespace shoal {

struct LedgerLine {
  Step round = 0;
  double time_s = 0.0;
  std::uint64_t bytes_up = 0;
  std::uint64_t bytes_down = 0;
  std::uint64_t gradients = 0;
  // Measured figures in a fixed order: test_accuracy, test_loss, ... then the method's own.
  std::vector<std::pair<std::string, double>> figures;
  // Whose rows the server's rule kept, increasing; nothing where none was asked.
  std::optional<std::vector<NodeId>> kept = {};

  std::optional<double> figure(const std::string& name) const;
};

// One JSON object, no newline. Figures that are not finite become null, and NaN when they are read
// back: the line of a resumed run is written as it was.
std::string to_json(const LedgerLine& line);
Result<LedgerLine> parse_ledger_line(const std::string& json);
// All lines of a ledger.jsonl; an error names the line.
Result<std::vector<LedgerLine>> read_ledger(const std::string& path);

// The mean of a figure over the last tenth of the lines that have it (at least one): how final
// figures are reported, never the best round.
std::optional<double> final_figure(const std::vector<LedgerLine>& lines, const std::string& name);

}  // namespace shoal
