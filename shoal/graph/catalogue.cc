// The topologies an experiment can name.
#include <functional>

#include "shoal/graph/basic_topologies.h"
#include "shoal/graph/davis.h"
#include "shoal/graph/edge_list.h"
#include "shoal/graph/exponential.h"
#include "shoal/graph/random_graphs.h"
#include "shoal/graph/topology_kind.h"
#include "shoal/graph/trees.h"

namespace shoal {
namespace {

class Built : public TopologyKind {
 public:
  using Build = std::function<Result<Topology>(std::size_t n, std::uint64_t seed)>;
  explicit Built(Build build) : build_(std::move(build)) {}
  Result<Topology> build(std::size_t n, std::uint64_t seed) const override {
    return build_(n, seed);
  }

 private:
  Build build_;
};

using Made = Result<std::unique_ptr<TopologyKind>>;

// The three shapes of builder: of n; of n and settings; of n, seed and settings.
template <Result<Topology> (*function)(std::size_t)>
Made of_size(const NoSettings&) {
  return {std::make_unique<Built>([](std::size_t n, std::uint64_t) { return function(n); })};
}
template <class S, Result<Topology> (*function)(std::size_t, const S&)>
Made of_settings(const S& settings) {
  return {std::make_unique<Built>(
      [settings](std::size_t n, std::uint64_t) { return function(n, settings); })};
}
template <class S, Result<Topology> (*function)(std::size_t, std::uint64_t, const S&)>
Made of_seed(const S& settings) {
  return {std::make_unique<Built>(
      [settings](std::size_t n, std::uint64_t seed) { return function(n, seed, settings); })};
}

template <Result<Topology> (*function)(std::size_t)>
CatalogueEntry<TopologyKind> plain(const char* name, const char* summary, const char* paper = "") {
  return catalogue_entry<TopologyKind, NoSettings>(name, summary, paper, &of_size<function>);
}
template <class S, Result<Topology> (*function)(std::size_t, const S&)>
CatalogueEntry<TopologyKind> with_settings(const char* name, const char* summary) {
  return catalogue_entry<TopologyKind, S>(name, summary, "", &of_settings<S, function>);
}
template <class S, Result<Topology> (*function)(std::size_t, std::uint64_t, const S&)>
CatalogueEntry<TopologyKind> random(const char* name, const char* summary) {
  return catalogue_entry<TopologyKind, S>(name, summary, "", &of_seed<S, function>);
}

}  // namespace

const Catalogue<TopologyKind>& topologies() {
  static const Catalogue<TopologyKind> all(
      "topology",
      {
          plain<ring>("ring", "every node has two neighbours; n >= 3"),
          plain<chain>("chain", "a ring cut open"),
          plain<star>("star", "everyone talks to node 0"),
          plain<complete>("complete", "everyone talks to everyone"),
          with_settings<TorusSettings, torus>("torus", "a grid closed both ways; sides >= 3"),
          plain<hypercube>("hypercube", "neighbours differ in one bit; n a power of two"),
          plain<binary_tree>("binary_tree", "a tree in heap order"),
          plain<relay_tree>("relay_tree", "a tree with parent(w) = floor(w/2)", "2110.04175"),
          plain<double_binary_trees>("double_binary_trees",
                                     "two mirrored trees, each for half of the coordinates",
                                     "2110.04175"),
          plain<exponential>("exponential", "directed, offsets 1, 2, 4, ...", "2110.13363"),
          plain<one_peer_exponential>("one_peer_exponential",
                                      "directed, one offset a step, in turn", "1811.10792"),
          random<ErdosRenyiSettings, erdos_renyi>("erdos_renyi",
                                                  "every pair is joined with probability p"),
          random<RandomRegularSettings, random_regular>("random_regular",
                                                        "random, every node with equal degree"),
          random<RandomMatchingSettings, random_matching>("random_matching",
                                                          "one random partner a step; n even"),
          plain<davis>("davis", "the Davis Southern Women network of 32 nodes"),
          with_settings<EdgeListSettings, edge_list>("edges", "the edges of the experiment file"),
      });
  return all;
}

}  // namespace shoal
