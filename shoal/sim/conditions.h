// The conditions of a simulated run: how fast nodes and links are, who straggles, what fails.
//
// Every draw comes from a stream keyed by (seed, purpose, node, count), so conditions are the same
// on every replay and do not shift when an unrelated setting changes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "shoal/base/ids.h"
#include "shoal/base/settings.h"

namespace shoal {

// [network]. A node has one card up and one down; with shared cards a card serves one frame at a
// time, without them every frame has the card for itself. A frame of b bytes takes
//   latency + b * max(1 / up, 1 / down)
// on idle cards: the two ends work at the same time (cut-through).
struct NetworkSettings {
  double latency_s = 0.01;
  double jitter_s = 0.0;
  double up_bits_per_s = 1e9;
  double down_bits_per_s = 1e9;
  double server_up_bits_per_s = 0.0;    // 0: as the others
  double server_down_bits_per_s = 0.0;  // 0: as the others
  bool shared_cards = true;
};
void describe(Settings& s, NetworkSettings& v);

enum class StragglerLaw { kNone, kConstant, kShiftedExponential, kPareto, kTrace };

// [nodes], the part about speed. A computation of w operations takes w / speed * slowdown.
struct SpeedSettings {
  double flops_per_s = 1e9;
  double speed_spread = 0.0;        // sigma of a lognormal factor, one draw a node
  double server_flops_per_s = 0.0;  // 0: as the others
  StragglerLaw stragglers = StragglerLaw::kNone;
  double straggler_share = 1.0;
  double straggler_factor = 10.0;
  double straggler_mean = 1.0;
  double straggler_shape = 1.5;
  std::string straggler_trace;
};
void describe(Settings& s, SpeedSettings& v);

// [faults]. Rates are probabilities per frame; shares are fractions of the nodes, drawn per node.
struct FaultSettings {
  double loss = 0.0;
  double duplication = 0.0;
  double reordering = 0.0;
  double reordering_delay_s = 1.0;
  double partition_share = 0.0;
  double partition_start_s = 0.0;
  double partition_duration_s = 0.0;
  bool partition_one_way = false;
  double crash_share = 0.0;
  double crash_within_s = 0.0;
  double late_share = 0.0;
  double late_within_s = 0.0;
  std::vector<double> crash_at;  // node, second, node, second, ...; besides those drawn
  std::vector<double> late_at;
  std::int64_t spared = 0;  // the first nodes (a server) that neither crash, join late nor are cut

  bool any_network() const {
    return loss > 0 || duplication > 0 || reordering > 0 || partition_share > 0;
  }
};
void describe(Settings& s, FaultSettings& v);

// Whether the lists name nodes of a run of so many, each with its second.
Status check_faults(const FaultSettings& faults, std::size_t nodes);

struct Conditions {
  std::uint64_t seed = 1;
  NetworkSettings network;
  SpeedSettings speed;
  FaultSettings faults;
  std::size_t servers = 0;            // the first nodes, with the server's card and speed
  std::vector<double> trace_factors;  // of StragglerLaw::kTrace
  double end_s = 1e12;                // no run goes on beyond this
};

// Reads the trace file of a trace law: one slowdown >= 0 a line.
Result<std::vector<double>> read_straggler_trace(const std::string& path);

// Seconds that work_flops take as the count-th computation of a node.
double compute_time_s(const Conditions& conditions, NodeId node, std::uint32_t count,
                      double work_flops);
// When the node joins (0 for most) and crashes (infinity for most).
double join_time_s(const Conditions& conditions, NodeId node);
double crash_time_s(const Conditions& conditions, NodeId node);
// Whether a partition cuts the way from one node to the other at this time.
bool is_cut(const Conditions& conditions, NodeId from, NodeId to, double time_s);

}  // namespace shoal
