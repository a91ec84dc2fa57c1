#include "shoal/run/report.h"
#include "shoal/run/tensorboard.h"
#include "shoal/run/chrome_trace.h"
#include <fmt/format.h>
namespace shoal {
std::string report_html(const std::string&, const std::vector<RunSummary>&) { return "x"; }
std::string summary_table(const std::vector<RunSummary>& runs) {
  std::string t;
  for (auto& r : runs) t += fmt::format("{:<24} acc {:.4f} loss {:.4f} time_h {:.3f} up {} down {} wall {:.1f}\n", r.name, final_figure(r.lines, "test_accuracy").value_or(-1), final_figure(r.lines, "test_loss").value_or(-1), r.lines.back().time_s/3600, r.lines.back().bytes_up, r.lines.back().bytes_down, r.wall_s);
  return t; }
std::string tensorboard_events(const std::vector<LedgerLine>&) { return "x"; }
void ChromeTrace::computed(NodeId, double, double) {}
void ChromeTrace::transferred(NodeId, NodeId, Tag, std::size_t, double, double) {}
std::string ChromeTrace::json() const { return "{}"; }
struct StudyContext; struct Claim;
}
#include "studies/studies.h"
namespace shoal {
Result<std::vector<Claim>> study_relaysgd(StudyContext&) { return unsupported("x"); }
Result<std::vector<Claim>> study_gossip_baselines(StudyContext&) { return unsupported("x"); }
Result<std::vector<Claim>> study_federated_field_guide(StudyContext&) { return unsupported("x"); }
Result<std::vector<Claim>> study_non_iid_partitions(StudyContext&) { return unsupported("x"); }
}
