// What the tests that cross rooms share: experiments from text, and what a run leaves, comparable
// to the bit.
#pragma once

#include <cstring>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "shoal/base/toml.h"
#include "shoal/run/run.h"

namespace shoal {

// What a kind needs beside its name, from a list of those that need something.
inline std::string setting_of(const std::map<std::string, std::string>& settings,
                              const std::string& kind) {
  const auto found = settings.find(kind);
  return found == settings.end() ? "" : found->second;
}

// The only experiment of a TOML text.
inline Experiment experiment_of(const std::string& toml) {
  const auto table = parse_toml(toml);
  SHOAL_CHECK(table.ok(), table.error().message);
  auto experiments = read_experiments(*table, {});
  SHOAL_CHECK(experiments.ok(), experiments.error().message + "\n" + toml);
  return experiments->front();
}

inline std::unique_ptr<Run> run_of(const Experiment& experiment, ThreadPool& pool) {
  auto run = Run::create(experiment, pool);
  SHOAL_CHECK(run.ok(), run.error().message);
  return std::move(run).value();
}

// Why an experiment is refused, when it is read or put together; empty when it is not.
inline std::string refusal(const std::string& toml) {
  const auto table = parse_toml(toml);
  if (!table.ok()) return table.error().message;
  const auto experiments = read_experiments(*table, {});
  if (!experiments.ok()) return experiments.error().message;
  ThreadPool pool(1);
  const auto run = Run::create(experiments->front(), pool);
  return run.ok() ? std::string() : run.error().message;
}

struct Outcome {
  std::vector<std::string> lines;
  std::map<NodeId, std::vector<float>> models;
  std::map<NodeId, std::vector<double>> models_double;
  std::uint64_t trace_digest = 0;
  std::uint64_t events = 0;
  std::uint64_t bytes_sent = 0;
  std::uint64_t gradients = 0;
  double virtual_time_s = 0.0;
};

inline Outcome outcome_of(Run& run) {
  const RunResult& result = run.result();
  Outcome outcome;
  for (const LedgerLine& line : result.lines) outcome.lines.push_back(to_json(line));
  outcome.models = result.models;
  outcome.models_double = result.models_double;
  outcome.trace_digest = result.trace_digest;
  outcome.events = result.events;
  outcome.bytes_sent = result.bytes_sent;
  outcome.gradients = run.simulation().gradients();
  outcome.virtual_time_s = result.virtual_time_s;
  return outcome;
}

template <class Scalar>
bool same_bits(const std::map<NodeId, std::vector<Scalar>>& a,
               const std::map<NodeId, std::vector<Scalar>>& b) {
  if (a.size() != b.size()) return false;
  for (const auto& [node, values] : a) {
    const auto other = b.find(node);
    if (other == b.end() || other->second.size() != values.size()) return false;
    if (std::memcmp(values.data(), other->second.data(), values.size() * sizeof(Scalar)) != 0)
      return false;
  }
  return true;
}

inline void expect_same(const Outcome& a, const Outcome& b) {
  EXPECT_EQ(a.lines, b.lines);
  EXPECT_TRUE(same_bits(a.models, b.models));
  EXPECT_TRUE(same_bits(a.models_double, b.models_double));
  EXPECT_EQ(a.trace_digest, b.trace_digest);
  EXPECT_EQ(a.events, b.events);
  EXPECT_EQ(a.bytes_sent, b.bytes_sent);
  EXPECT_EQ(a.gradients, b.gradients);
  EXPECT_EQ(a.virtual_time_s, b.virtual_time_s);
}

inline Outcome outcome_of(const Experiment& experiment, std::size_t threads = 1) {
  ThreadPool pool(threads);
  const auto run = run_of(experiment, pool);
  const Status status = run->go();
  SHOAL_CHECK(status.ok(), status.error().message);
  return outcome_of(*run);
}

}  // namespace shoal
