#include "shoal/sim/conditions.h"

#include <cmath>
#include <cstdlib>
#include <fmt/format.h>
#include <limits>
#include <sstream>

#include "shoal/base/file.h"
#include "shoal/base/portable_math.h"
#include "shoal/base/random.h"

namespace shoal {

void describe(Settings& s, NetworkSettings& v) {
  s.real("latency_s", v.latency_s, "one-way delay of every frame",
         {.range = at_least(0), .unit = "s"});
  s.real("jitter_s", v.jitter_s, "mean of an exponential delay added to each frame",
         {.range = at_least(0), .unit = "s"});
  s.real("up_bits_per_s", v.up_bits_per_s, "rate of a node's outgoing card; 0: unlimited",
         {.range = at_least(0), .unit = "bit/s"});
  s.real("down_bits_per_s", v.down_bits_per_s, "rate of a node's incoming card; 0: unlimited",
         {.range = at_least(0), .unit = "bit/s"});
  s.real("server_up_bits_per_s", v.server_up_bits_per_s, "the server's; 0: as the others",
         {.range = at_least(0), .unit = "bit/s"});
  s.real("server_down_bits_per_s", v.server_down_bits_per_s, "the server's; 0: as the others",
         {.range = at_least(0), .unit = "bit/s"});
  s.flag("shared_cards", v.shared_cards, "a card serves one frame at a time");
}

void describe(Settings& s, SpeedSettings& v) {
  s.real("flops_per_s", v.flops_per_s, "modelled speed of a node",
         {.range = above(0), .unit = "flop/s"});
  s.real("speed_spread", v.speed_spread, "sigma of a lognormal factor on it, one draw a node",
         {.range = at_least(0).up_to(5)});
  s.real("server_flops_per_s", v.server_flops_per_s, "the server's; 0: as the others",
         {.range = at_least(0), .unit = "flop/s"});
  s.choice("stragglers", v.stragglers, "law of the slowdown of each computation",
           {{"none", StragglerLaw::kNone},
            {"constant", StragglerLaw::kConstant},
            {"shifted_exponential", StragglerLaw::kShiftedExponential},
            {"pareto", StragglerLaw::kPareto},
            {"trace", StragglerLaw::kTrace}});
  s.real("straggler_share", v.straggler_share, "fraction of the nodes that the law applies to",
         {.range = at_least(0).up_to(1)});
  s.real("straggler_factor", v.straggler_factor, "slowdown of the constant law",
         {.range = at_least(1)});
  s.real("straggler_mean", v.straggler_mean, "mean of the exponential added to 1",
         {.range = above(0)});
  s.real("straggler_shape", v.straggler_shape, "shape of the Pareto law: smaller is heavier",
         {.range = above(0)});
  s.text("straggler_trace", v.straggler_trace, "file of the trace law: one slowdown a line");
}

void describe(Settings& s, FaultSettings& v) {
  s.real("loss", v.loss, "chance that a frame is lost", {.range = at_least(0).below(1)});
  s.real("duplication", v.duplication, "chance that a frame arrives twice",
         {.range = at_least(0).up_to(1)});
  s.real("reordering", v.reordering, "chance that a frame is held back",
         {.range = at_least(0).up_to(1)});
  s.real("reordering_delay_s", v.reordering_delay_s, "longest time it is held back",
         {.range = at_least(0), .unit = "s"});
  s.real("partition_share", v.partition_share, "fraction of the nodes on the cut-off side",
         {.range = at_least(0).up_to(1)});
  s.real("partition_start_s", v.partition_start_s, "when the cut begins",
         {.range = at_least(0), .unit = "s"});
  s.real("partition_duration_s", v.partition_duration_s, "how long it lasts",
         {.range = at_least(0), .unit = "s"});
  s.flag("partition_one_way", v.partition_one_way, "the cut-off side still hears the others");
  s.real("crash_share", v.crash_share, "fraction of the nodes that crash for good",
         {.range = at_least(0).up_to(1)});
  s.real("crash_within_s", v.crash_within_s, "when: uniform from 0 to this",
         {.range = at_least(0), .unit = "s"});
  s.real("late_share", v.late_share, "fraction of the nodes that join late",
         {.range = at_least(0).up_to(1)});
  s.real("late_within_s", v.late_within_s, "when: uniform from 0 to this",
         {.range = at_least(0), .unit = "s"});
  s.reals("crash_at", v.crash_at, "pairs of a node and the second at which it crashes",
          {.range = at_least(0)});
  s.reals("late_at", v.late_at, "pairs of a node and the second at which it joins",
          {.range = at_least(0)});
  s.integer("spared", v.spared, "the first nodes that neither crash, join late nor are cut off",
            {.range = at_least(0)});
}

Status check_faults(const FaultSettings& faults, std::size_t nodes) {
  for (const auto* pairs : {&faults.crash_at, &faults.late_at}) {
    if (pairs->size() % 2 != 0)
      return invalid_argument("[faults] crash_at and late_at are pairs of a node and a second");
    for (std::size_t i = 0; i < pairs->size(); i += 2)
      if ((*pairs)[i] != std::floor((*pairs)[i]) || (*pairs)[i] >= static_cast<double>(nodes))
        return invalid_argument(
            fmt::format("[faults] names node {} of a run of {}", (*pairs)[i], nodes));
  }
  return ok_status();
}

Result<std::vector<double>> read_straggler_trace(const std::string& path) {
  SHOAL_TRY(const std::string text, read_text_file(path));
  std::vector<double> factors;
  std::istringstream lines(text);
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    if (line.empty() || line[0] == '#') continue;
    char* end = nullptr;
    const double factor = std::strtod(line.c_str(), &end);
    if (end == line.c_str() || *end != '\0' || !std::isfinite(factor) || factor < 0)
      return corrupt(fmt::format("{} line {}: '{}' is no slowdown >= 0", path, number, line));
    factors.push_back(factor);
  }
  if (factors.empty()) return corrupt(fmt::format("{} holds no slowdowns", path));
  return factors;
}

namespace {

bool drawn(const Conditions& conditions, Purpose purpose, NodeId node, double share) {
  if (share <= 0.0) return false;
  return RandomStream(conditions.seed, purpose, node).uniform() < share;
}

double slowdown(const Conditions& conditions, NodeId node, std::uint32_t count) {
  const SpeedSettings& speed = conditions.speed;
  if (speed.stragglers == StragglerLaw::kNone || node < conditions.servers) return 1.0;
  if (speed.straggler_share < 1.0 &&
      !drawn(conditions, purpose("straggler share"), node, speed.straggler_share))
    return 1.0;
  RandomStream stream(conditions.seed, purpose("straggler"), node, count);
  switch (speed.stragglers) {
    case StragglerLaw::kNone:
      return 1.0;
    case StragglerLaw::kConstant:
      return speed.straggler_factor;
    case StragglerLaw::kShiftedExponential:
      return 1.0 + speed.straggler_mean * stream.exponential();
    case StragglerLaw::kPareto:
      return portable_exp(-portable_log(stream.uniform_positive()) / speed.straggler_shape);
    case StragglerLaw::kTrace: {
      RandomStream start(conditions.seed, purpose("straggler trace"), node);
      const std::size_t size = conditions.trace_factors.size();
      return conditions.trace_factors[(start.below(size) + count) % size];
    }
  }
  return 1.0;
}

}  // namespace

double compute_time_s(const Conditions& conditions, NodeId node, std::uint32_t count,
                      double work_flops) {
  const SpeedSettings& speed = conditions.speed;
  if (node < conditions.servers && speed.server_flops_per_s > 0)
    return work_flops / speed.server_flops_per_s;
  double time_s = work_flops / speed.flops_per_s * slowdown(conditions, node, count);
  if (speed.speed_spread > 0.0) {
    RandomStream stream(conditions.seed, purpose("speed"), node);
    time_s *= portable_exp(speed.speed_spread * stream.normal());
  }
  return time_s;
}

namespace {

// The second that the pairs name for the node, or `otherwise`.
double named_time_s(const std::vector<double>& pairs, NodeId node, double otherwise) {
  for (std::size_t i = 0; i + 1 < pairs.size(); i += 2)
    if (pairs[i] == static_cast<double>(node)) return pairs[i + 1];
  return otherwise;
}

}  // namespace

double join_time_s(const Conditions& conditions, NodeId node) {
  const FaultSettings& faults = conditions.faults;
  if (const double named_s = named_time_s(faults.late_at, node, 0.0); named_s > 0.0) return named_s;
  if (node < faults.spared || !drawn(conditions, purpose("late"), node, faults.late_share))
    return 0.0;
  return RandomStream(conditions.seed, purpose("late"), node, 1).uniform() * faults.late_within_s;
}

double crash_time_s(const Conditions& conditions, NodeId node) {
  const FaultSettings& faults = conditions.faults;
  constexpr double kNever = std::numeric_limits<double>::infinity();
  if (const double named_s = named_time_s(faults.crash_at, node, kNever); named_s < kNever)
    return named_s;
  if (node < faults.spared || !drawn(conditions, purpose("crash"), node, faults.crash_share))
    return kNever;
  return RandomStream(conditions.seed, purpose("crash"), node, 1).uniform() * faults.crash_within_s;
}

bool is_cut(const Conditions& conditions, NodeId from, NodeId to, double time_s) {
  const FaultSettings& faults = conditions.faults;
  if (faults.partition_share <= 0.0 || time_s < faults.partition_start_s ||
      time_s >= faults.partition_start_s + faults.partition_duration_s)
    return false;
  const auto cut_off = [&](NodeId node) {
    return node >= faults.spared &&
           drawn(conditions, purpose("partition"), node, faults.partition_share);
  };
  const bool from_cut = cut_off(from);
  const bool to_cut = cut_off(to);
  if (from_cut == to_cut) return false;
  return !faults.partition_one_way || from_cut;
}

}  // namespace shoal
