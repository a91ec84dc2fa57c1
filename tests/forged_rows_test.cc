// What forged rows do in methods whose messages are no models: each against the method's formulas
// with the liars' rows put in, in double, on scikit-learn's digits with all rows a step.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "shoal/graph/topology.h"

#include "tests/test_runs.h"

namespace shoal {
namespace {

using Doubles = std::vector<double>;

constexpr double kRate = 0.2;

// A run of `workers` of whom `liars` lie, and what its formulas need.
class Lab {
 public:
  Lab(std::size_t workers, std::size_t liars, const std::string& method, const std::string& attack,
      const std::string& more = "")
      : workers_(workers), pool_(1) {
    run_ = run_of(
        experiment_of(fmt::format(
            "name = \"forged\"\nseed = 3\n[data]\nkind = \"digits\"\n[partition]\nkind = \"iid\"\n"
            "[model]\nkind = \"softmax\"\n[nodes]\ncount = {}\nliars = {}\n[method]\nbatch = 0\n{}"
            "[attack]\n{}{}",
            workers, liars, method, attack, more)),
        pool_);
    const Status status = run_->go();
    SHOAL_CHECK(status.ok(), status.error().message);
  }

  const Run& run() const { return *run_; }
  std::size_t workers() const { return workers_; }
  bool lies(std::size_t worker) const {
    const Assembly& a = run_->assembly();
    return a.liars && a.liars->lies(static_cast<NodeId>(a.method->servers() + worker), 0);
  }
  Doubles initial() const {
    const auto& x = run_->assembly().problem_float.initial;
    return {x.begin(), x.end()};
  }
  Doubles gradient(std::size_t worker, const Doubles& at) const {
    const Problem<float>& problem = run_->assembly().problem_float;
    const std::vector<float> x(at.begin(), at.end());
    std::vector<float> g(x.size());
    problem.models->mine().gradient(x, Batch{problem.data.get(), problem.rows[worker]}, g);
    return {g.begin(), g.end()};
  }
  // The sum over the honest workers of their gradients, each at the same point.
  Doubles honest_sum(const Doubles& at) const {
    Doubles sum(at.size());
    for (std::size_t worker = 0; worker < workers_; ++worker) {
      if (lies(worker)) continue;
      const Doubles g = gradient(worker, at);
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += g[i];
    }
    return sum;
  }
  void expect_model(NodeId node, const Doubles& expected) const {
    const std::vector<float>& x = run_->result().models.at(node);
    double gap = 0.0;
    for (std::size_t i = 0; i < x.size(); ++i)
      gap = std::max(gap, std::abs(static_cast<double>(x[i]) - expected[i]));
    EXPECT_LT(gap, 1e-5) << "node " << node;
  }

 private:
  std::size_t workers_;
  ThreadPool pool_;
  std::unique_ptr<Run> run_;
};

// Two of five say nothing: x - lr/5 sum of the honest gradients, whatever the mean is made of.
TEST(ForgedRows, ZerosCountInEveryMean) {
  for (const std::string method :
       {"kind = \"all_reduce_sgd\"\nsteps = 1\ncollective = \"gather\"\nlearning_rate = 0.2\n",
        "kind = \"local_sgd\"\nsteps = 1\nperiod = 1\ncollective = \"gather\"\n"
        "learning_rate = 0.2\n",
        "kind = \"cser\"\nsteps = 1\nperiod = 1\ncollective = \"gather\"\nlearning_rate = 0.2\n",
        "kind = \"cser\"\nsteps = 1\nperiod = 1\ngradients = \"local\"\nreset_ratio = 1\n"
        "collective = \"gather\"\nlearning_rate = 0.2\n",
        "kind = \"qsgda\"\niterations = 1\ngamma = 0.2\n",
        "kind = \"ef_gda\"\niterations = 1\ngamma = 0.2\n"}) {
    SCOPED_TRACE(method);
    const Lab lab(5, 2, method, "kind = \"zero\"\n");
    Doubles x = lab.initial();
    const Doubles sum = lab.honest_sum(x);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] -= kRate / 5.0 * sum[i];
    for (const auto& [node, model] : lab.run().result().models)
      if (lab.run().assembly().method->servers() == 1 || !lab.lies(node)) lab.expect_model(node, x);
  }
}

// Without an anchor to lie about the half step is honest; with one, F(w) is forged like the rest.
TEST(ForgedRows, ZerosOfAnExtragradient) {
  const Lab lab(5, 2, "kind = \"extragradient\"\niterations = 1\ngamma = 0.2\n",
                "kind = \"zero\"\n");
  const Doubles x = lab.initial();
  Doubles half = x, next = x;
  const Doubles at_anchor = lab.honest_sum(x);
  for (std::size_t i = 0; i < x.size(); ++i) half[i] -= kRate / 5.0 * at_anchor[i];
  const Doubles at_half = lab.honest_sum(half);
  // F(w) + mean D_m, where the anchors cancel.
  for (std::size_t i = 0; i < x.size(); ++i) next[i] -= kRate / 5.0 * at_half[i];
  lab.expect_model(0, next);
}

// Receivers of a negated difference move their sum by it; the liar's own copy stays as it was.
TEST(ForgedRows, DifferencesOfChoco) {
  constexpr std::size_t kPeers = 4;
  constexpr double kGamma = 0.5, kWeight = 1.0 / kPeers;
  const Lab lab(kPeers, 1,
                "kind = \"choco\"\nsteps = 3\nlearning_rate = 0.2\nconsensus_step = 0.5\n",
                "kind = \"sign_flip\"\n", "[topology]\nkind = \"complete\"\n");
  const std::size_t d = lab.initial().size();
  std::vector<Doubles> x(kPeers, lab.initial()), copy(kPeers, Doubles(d)), apart = copy;
  for (int step = 0; step < 3; ++step) {
    std::vector<Doubles> half = x, q = x;
    for (std::size_t i = 0; i < kPeers; ++i) {
      const Doubles g = lab.gradient(i, x[i]);
      for (std::size_t c = 0; c < d; ++c) {
        half[i][c] = x[i][c] - kRate * g[c];
        q[i][c] = half[i][c] - copy[i][c];
        copy[i][c] += q[i][c];
      }
    }
    for (std::size_t i = 0; i < kPeers; ++i)
      for (std::size_t c = 0; c < d; ++c) {
        for (std::size_t j = 0; j < kPeers; ++j)
          if (j != i) apart[i][c] += kWeight * ((lab.lies(j) ? -q[j][c] : q[j][c]) - q[i][c]);
        x[i][c] = half[i][c] + kGamma * apart[i][c];
      }
  }
  for (NodeId node = 0; node < kPeers; ++node) lab.expect_model(node, x[node]);
}

// In the first step a relayed sum is the sender's own value alone.
TEST(ForgedRows, SumsOfRelaySgdOnOneTreeAndOnTwo) {
  for (const std::string kind : {"chain", "double_binary_trees"}) {
    SCOPED_TRACE(kind);
    const Lab lab(6, 2, "kind = \"relaysgd\"\nsteps = 1\nlearning_rate = 0.2\n",
                  "kind = \"constant\"\nvalue = 2.0\n",
                  fmt::format("[topology]\nkind = \"{}\"\n", kind));
    const auto trees = planes_of(lab.run().assembly().topology);
    EXPECT_EQ(trees.size(), kind == "chain" ? 1u : 2u);
    std::vector<Doubles> h(6, lab.initial());
    for (std::size_t i = 0; i < 6; ++i) {
      const Doubles g = lab.gradient(i, h[i]);
      for (std::size_t c = 0; c < g.size(); ++c) h[i][c] -= kRate * g[c];
    }
    for (NodeId node = 0; node < 6; ++node) {
      Doubles x = h[node];
      for (std::size_t c = 0; c < x.size(); ++c) {
        const auto& neighbors = trees[c % trees.size()].in[node];
        x[c] *= 6.0 - static_cast<double>(neighbors.size());
        for (const NodeId j : neighbors) x[c] += lab.lies(j) ? 2.0 : h[j][c];
        x[c] /= 6.0;
      }
      lab.expect_model(node, x);
    }
  }
}

// When all say the opposite the model goes the opposite way, in whatever way slopes are written.
TEST(ForgedRows, SlopesOfOneByte) {
  for (const char* code : {"byte", "f32", "sign"}) {
    SCOPED_TRACE(code);
    const std::string method = fmt::format(
        "kind = \"one_byte\"\nrounds = 1\nsamples = 3\nlearning_rate = 0.2\ncode = \"{}\"\n", code);
    const Lab honest(4, 0, method, "kind = \"none\"\n");
    const Lab lab(4, 4, method, "kind = \"sign_flip\"\n");
    const Doubles x = lab.initial();
    const std::vector<float>& there = honest.run().result().models.at(0);
    Doubles opposite = x;
    for (std::size_t i = 0; i < x.size(); ++i) opposite[i] -= static_cast<double>(there[i]) - x[i];
    EXPECT_NE(opposite, x);
    lab.expect_model(0, opposite);
  }
}

// A liar that skips every step says that nothing changes; all of them together, nothing does.
TEST(ForgedRows, SkippedStepsMoveNothing) {
  for (const std::string method :
       {"kind = \"all_reduce_sgd\"\nsteps = 3\nlearning_rate = 0.2\n",
        "kind = \"local_adaalter\"\nsteps = 3\nperiod = 2\n",
        "kind = \"async_sgd\"\narrivals = 9\nlearning_rate = 0.2\n",
        "kind = \"qsgda\"\niterations = 3\ngamma = 0.2\n", "kind = \"one_byte\"\nrounds = 3\n"}) {
    SCOPED_TRACE(method);
    const Lab lab(4, 4, method, "kind = \"unreliable\"\nskip = 1.0\nblur = 0.0\n");
    for (const auto& [node, model] : lab.run().result().models)
      lab.expect_model(node, lab.initial());
  }
}

}  // namespace
}  // namespace shoal
