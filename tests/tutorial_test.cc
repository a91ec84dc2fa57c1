// The method of docs/tutorial.md, compiled as it stands there and run.
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>

#include "shoal/base/toml.h"
#include "shoal/method/entries.h"
#include "shoal/method/gossip.h"
#include "shoal/run/run.h"

// Gossip that averages the update direction together with the model.

namespace shoal {
namespace {

template <class Scalar>
class MomentumGossip : public GossipVariant<Scalar> {
 public:
  std::span<const Scalar> outgoing(const Replica<Scalar>& replica) override {
    sent_ = replica.parameters();
    sent_.insert(sent_.end(), replica.update().begin(), replica.update().end());
    return sent_;
  }
  void absorb(Replica<Scalar>& replica, std::span<const Scalar> mix) override {
    const std::size_t d = mix.size() / 2;
    for (std::size_t i = 0; i < d; ++i) replica.parameters()[i] = mix[i] + mix[d + i];
  }

 private:
  std::vector<Scalar> sent_;
};

Result<std::unique_ptr<Method>> make_momentum_gossip(const GossipSettings& settings) {
  return make_gossip(settings, gossip_kind<MomentumGossip>());
}

}  // namespace

CatalogueEntry<Method> momentum_gossip_entry() {
  return catalogue_entry<Method, GossipSettings>("momentum_gossip", "averages models and updates",
                                                 "", &make_momentum_gossip);
}
}  // namespace shoal

namespace {

std::string read(const std::string& path) {
  std::ifstream in(std::string(SHOAL_SOURCE_DIR) + "/" + path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

TEST(Tutorial, ItsMethodIsTheOneTestedHere) {
  const std::string tutorial = read("docs/tutorial.md");
  std::istringstream here(read("tests/tutorial_test.cc"));
  bool inside = false;
  int compared = 0;
  for (std::string line; std::getline(here, line);) {
    if (line.rfind("// Gossip that averages", 0) == 0) inside = true;
    if (inside && line == "namespace {" && compared > 10) break;
    if (!inside || line.empty()) continue;
    EXPECT_NE(tutorial.find(line), std::string::npos) << line;
    ++compared;
  }
  EXPECT_GT(compared, 25);
}

// Keeps the last loss that each step's nodes showed.
class Losses : public shoal::Observer {
 public:
  bool wants_model(shoal::NodeId, shoal::Step) const override { return false; }
  void model(shoal::NodeId, shoal::Step, std::span<const float>) override {}
  void model(shoal::NodeId, shoal::Step, std::span<const double>) override {}
  void figure(shoal::NodeId, shoal::Step step, std::string_view name, double value) override {
    if (name == "train_loss") (step == 0 ? first : last) = value;
  }
  void step_done(shoal::NodeId, shoal::Step) override {}
  void node_left(shoal::NodeId) override {}
  double first = 0.0;
  double last = 0.0;
};

TEST(Tutorial, ItsMethodLearns) {
  const auto file = shoal::parse_toml(R"(
    name = "tutorial"
    data = { kind = "synthetic_logistic" }
    partition = { kind = "iid" }
    model = { kind = "logistic" }
    nodes = { count = 8 }
    topology = { kind = "ring" }
    method = { kind = "dpsgd" })");
  const auto experiment = shoal::resolve_experiment(file.value());
  ASSERT_TRUE(experiment.ok()) << experiment.error().message;
  const auto assembly = shoal::assemble(experiment.value(), 1);
  ASSERT_TRUE(assembly.ok()) << assembly.error().message;
  shoal::Assembly& a = *assembly.value();

  const shoal::Catalogue<shoal::Method> one("method", {shoal::momentum_gossip_entry()});
  const auto table =
      shoal::parse_toml("kind = \"momentum_gossip\"\nsteps = 60\nbatch = 0\nlearning_rate = 0.5");
  const auto method = one.make(table.value(), "[method]");
  ASSERT_TRUE(method.ok());
  shoal::MethodParts parts;
  parts.in_float = &a.problem_float;
  parts.topology = &a.topology;
  parts.patience_s = 100.0;
  const auto program = method.value()->prepare(parts);
  ASSERT_TRUE(program.ok()) << program.error().message;

  shoal::ThreadPool pool(1);
  shoal::Simulation simulation(8, a.conditions, program.value(), pool);
  Losses losses;
  simulation.set_observer(&losses);
  EXPECT_EQ(simulation.run(), shoal::Simulation::Stop::kFinished);
  EXPECT_LT(losses.last, 0.8 * losses.first);
}

}  // namespace
