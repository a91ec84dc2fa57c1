// Peers on problems made by hand, run through the real programs in the simulation, with every model
// of every step on record: what the oracles of the papers are checked on.
#pragma once

#include <algorithm>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "shoal/base/toml.h"
#include "shoal/codec/composition.h"
#include "shoal/graph/basic_topologies.h"
#include "shoal/graph/topology_kind.h"
#include "shoal/method/method.h"
#include "shoal/model/factory.h"
#include "shoal/sim/simulation.h"

namespace shoal {

using Matrix = std::vector<std::vector<double>>;  // of rows

// Keeps every model shown.
class ModelLog : public Observer {
 public:
  bool wants_model(NodeId, Step) const override { return true; }
  void model(NodeId node, Step step, std::span<const float> x) override {
    record(node, step, {x.begin(), x.end()});
  }
  void model(NodeId node, Step step, std::span<const double> x) override {
    record(node, step, {x.begin(), x.end()});
  }
  void figure(NodeId, Step, std::string_view name, double value) override {
    figures[std::string(name)] += value;
  }
  void step_done(NodeId, Step) override {}
  void node_left(NodeId) override {}

  std::map<Step, Matrix> models;  // [step][node], after the step
  std::map<std::string, double> figures;

 private:
  void record(NodeId node, Step step, std::vector<double> x) {
    Matrix& all = models[step];
    if (all.size() <= node) all.resize(node + 1);
    all[node] = std::move(x);
  }
};

// A model that is pushed: the gradient of a row is minus the row, whatever the parameters. With
// one row a step, in order, and a learning rate of 1, row k is what a node adds at step k.
class Pushed : public Model<double> {
 public:
  explicit Pushed(std::size_t dimension) {
    layout_.add("x", {static_cast<std::uint32_t>(dimension)});
  }
  const Layout& layout() const override { return layout_; }
  void initialize(RandomStream, std::span<double> x) const override {
    std::fill(x.begin(), x.end(), 0.0);
  }
  double gradient(std::span<const double>, const Batch& batch, std::span<double> out) override {
    const auto row = batch.data->row(batch.rows.front());
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = -static_cast<double>(row[i]);
    return 0.0;
  }
  Evaluation evaluate(std::span<const double>, const Batch&) override { return {}; }
  double flops_per_row() const override { return 1.0; }

 private:
  Layout layout_;
};

// pushes[step][node] = what the node adds at that step; zeros after the last one.
inline Problem<double> pushed_problem(const std::vector<Matrix>& pushes, std::size_t steps) {
  const std::size_t nodes = pushes.front().size();
  const std::size_t dimension = pushes.front().front().size();
  auto data = std::make_shared<Dataset>();
  data->features = dimension;
  data->shape = {static_cast<std::uint32_t>(dimension)};
  data->rows = nodes * steps;
  Problem<double> problem;
  problem.rows.resize(nodes);
  for (std::size_t step = 0; step < steps; ++step)
    for (std::size_t node = 0; node < nodes; ++node) {
      problem.rows[node].push_back(static_cast<std::uint32_t>(step * nodes + node));
      for (std::size_t i = 0; i < dimension; ++i)
        data->x.push_back(step < pushes.size() ? static_cast<float>(pushes[step][node][i]) : 0.0f);
    }
  data->targets.resize(data->rows);
  problem.data = data;
  problem.models = std::make_shared<ModelPool<double>>(
      [dimension] { return std::make_unique<Pushed>(dimension); }, 4);
  problem.initial.assign(dimension, 0.0);
  problem.order = OrderKind::kInOrder;
  return problem;
}

// f_i(x) = curvature_i / 2 ||x - centre_i||^2, from a start common to all.
template <class Scalar = double>
Problem<Scalar> quadratic_problem(const Matrix& centres, const std::vector<double>& curvature,
                                  Scalar start = 0) {
  const std::size_t d = centres.front().size();
  auto data = std::make_shared<Dataset>();
  data->rows = centres.size();
  data->features = d + d * d;
  data->shape = {static_cast<std::uint32_t>(data->features)};
  data->targets.resize(data->rows);
  Problem<Scalar> problem;
  for (std::uint32_t node = 0; node < centres.size(); ++node) {
    problem.rows.push_back({node});
    data->users.push_back(node);
    for (const double value : centres[node]) data->x.push_back(static_cast<float>(value));
    for (std::size_t i = 0; i < d * d; ++i)
      data->x.push_back(i % (d + 1) == 0 ? static_cast<float>(curvature[node]) : 0.0f);
  }
  problem.data = data;
  Table table;
  table.set("kind", "quadratic");
  const auto factory = models().make(table, "[model]", *data);
  SHOAL_CHECK(factory.ok(), factory.error().message);
  MakeModel<Scalar> make;
  if constexpr (std::is_same_v<Scalar, double>)
    make = factory->get()->in_double().value();
  else
    make = factory->get()->in_float().value();
  problem.models = std::make_shared<ModelPool<Scalar>>(std::move(make), 4);
  problem.initial.assign(d, start);
  return problem;
}
inline Problem<double> scalar_problem(const std::vector<double>& centres) {
  Matrix rows;
  for (const double centre : centres) rows.push_back({centre});
  return quadratic_problem(rows, std::vector<double>(centres.size(), 1.0));
}

inline std::unique_ptr<Method> method_of(const std::string& toml) {
  const auto table = parse_toml(toml);
  SHOAL_CHECK(table.ok(), table.error().message);
  auto method = methods().make(*table, "[method]");
  SHOAL_CHECK(method.ok(), method.error().message);
  return std::move(method).value();
}

template <class Scalar>
MethodParts parts_of(const Problem<Scalar>& problem, const Topology* topology,
                     const MixingSettings& mixing) {
  MethodParts parts;
  if constexpr (std::is_same_v<Scalar, double>)
    parts.in_double = &problem;
  else
    parts.in_float = &problem;
  parts.topology = topology;
  parts.mixing = mixing;
  parts.patience_s = 10.0;
  return parts;
}

inline std::unique_ptr<Codec> codec_of(const std::string& toml) {
  const auto table = parse_toml(toml);
  SHOAL_CHECK(table.ok(), table.error().message);
  auto codec = make_codec(*table, "[codec]");
  SHOAL_CHECK(codec.ok(), codec.error().message);
  return std::move(codec).value();
}

// All that a method over these parts shows.
template <class Scalar>
ModelLog watch_method(const std::string& toml, const Problem<Scalar>& problem,
                      const Topology& topology, const MixingSettings& mixing = {},
                      const FaultSettings& faults = {}, const Codec* codec = nullptr) {
  const auto method = method_of(toml);
  MethodParts parts = parts_of(problem, &topology, mixing);
  parts.codec = codec;
  const auto program = method->prepare(parts);
  SHOAL_CHECK(program.ok(), program.error().message);
  ThreadPool pool(1);
  Conditions conditions;
  conditions.faults = faults;
  conditions.servers = method->servers();
  ModelLog log;
  Simulation simulation(problem.workers() + method->servers(), conditions, *program, pool);
  simulation.set_observer(&log);
  simulation.run();
  EXPECT_EQ(simulation.in_flight(), 0u);
  simulation.set_observer(nullptr);
  return log;
}

// models[step][node] of a method over these parts, step 0 being after the first step.
template <class Scalar>
std::map<Step, Matrix> run_method(const std::string& toml, const Problem<Scalar>& problem,
                                  const Topology& topology, const MixingSettings& mixing = {},
                                  const FaultSettings& faults = {}, const Codec* codec = nullptr) {
  return watch_method(toml, problem, topology, mixing, faults, codec).models;
}

template <class Scalar>
std::string refusal_of(const std::string& toml, const Problem<Scalar>& problem,
                       const Topology& topology, const MixingSettings& mixing = {},
                       const Codec* codec = nullptr, FeedbackKind feedback = FeedbackKind::kNone) {
  MethodParts parts = parts_of(problem, &topology, mixing);
  parts.codec = codec;
  parts.feedback.kind = feedback;
  const auto program = method_of(toml)->prepare(parts);
  return program.ok() ? std::string() : program.error().message;
}

// Dense W of a topology.
inline Matrix dense_mixing(const Topology& topology, const MixingSettings& settings = {}) {
  const auto mixing = make_mixing(topology, settings);
  SHOAL_CHECK(mixing.ok(), mixing.error().message);
  Matrix w(topology.size(), std::vector<double>(topology.size()));
  for (std::size_t i = 0; i < w.size(); ++i) {
    w[i][i] = mixing->own[i];
    for (const auto& [node, weight] : mixing->rows[i]) w[i][node] = weight;
  }
  return w;
}

inline Matrix multiply(const Matrix& a, const Matrix& b) {
  Matrix c(a.size(), std::vector<double>(b.front().size()));
  for (std::size_t i = 0; i < a.size(); ++i)
    for (std::size_t k = 0; k < b.size(); ++k)
      for (std::size_t j = 0; j < c[i].size(); ++j) c[i][j] += a[i][k] * b[k][j];
  return c;
}

inline double largest_gap(const Matrix& a, const Matrix& b) {
  SHOAL_CHECK(a.size() == b.size(), "matrices of different height");
  double gap = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i)
    for (std::size_t j = 0; j < a[i].size(); ++j) gap = std::max(gap, std::abs(a[i][j] - b[i][j]));
  return gap;
}

inline void expect_column(const Matrix& found, const std::vector<double>& expected,
                          double tolerance) {
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(found[i][0], expected[i], tolerance) << "node " << i;
}

inline Matrix random_matrix(std::size_t rows, std::size_t columns, std::uint64_t seed) {
  RandomStream stream(seed, purpose("test matrix"));
  Matrix matrix(rows, std::vector<double>(columns));
  for (auto& row : matrix)
    // Values that a float holds exactly: the data set stores floats.
    for (double& value : row) value = static_cast<float>(stream.normal());
  return matrix;
}

}  // namespace shoal
