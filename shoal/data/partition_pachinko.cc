// Pachinko allocation (adaptive federated optimization, arXiv 2003.00295): labels in two levels. A
// client draws proportions of coarse labels from a Dirichlet (0.1) and, for each coarse label, of
// its fine labels from another (10), then takes rows one by one: coarse, fine, next unused row.
// Fine labels that run out are closed, then coarse ones, and the rest keep their proportions.
#include <algorithm>
#include <cmath>

#include "shoal/data/partition_entries.h"

namespace shoal {
namespace {

struct PachinkoSettings {
  std::vector<double> coarse;
  double coarse_alpha = 0.1;
  double fine_alpha = 10.0;
  std::int64_t rows_per_node = 0;
  Cover cover = Cover::kEveryRow;
};

void describe(Settings& settings, PachinkoSettings& values) {
  settings.reals("coarse", values.coarse,
                 "coarse label, from 0, of each class in turn: [0, 0, 1, 1, ...]",
                 {.range = at_least(0), .paper = "2003.00295"});
  settings.real("coarse_alpha", values.coarse_alpha, "concentration over coarse labels",
                {.range = above(0), .paper = "2003.00295"});
  settings.real("fine_alpha", values.fine_alpha, "concentration over the fine labels of one",
                {.range = above(0), .paper = "2003.00295"});
  settings.integer("rows_per_node", values.rows_per_node,
                   "rows that each node takes; 0: an equal share, see cover",
                   {.range = at_least(0), .unit = "rows"});
  describe_cover(settings, values.cover);
}

// Fine labels (classes) of each coarse one.
using Tree = std::vector<std::vector<std::size_t>>;

Result<Tree> make_tree(const PachinkoSettings& settings, std::size_t classes) {
  if (settings.coarse.size() != classes)
    return invalid_argument(
        fmt::format("coarse must list a coarse label for each of the {} "
                    "classes; it has {}",
                    classes, settings.coarse.size()));
  Tree tree;
  for (std::size_t c = 0; c < classes; ++c) {
    const double label = settings.coarse[c];
    if (label != std::floor(label) || label >= static_cast<double>(classes))
      return invalid_argument(fmt::format("coarse holds {}: a whole number from 0 to {} is needed",
                                          label, classes - 1));
    const auto index = static_cast<std::size_t>(label);
    if (index >= tree.size()) tree.resize(index + 1);
    tree[index].push_back(c);
  }
  std::erase_if(tree, [](const auto& fine) { return fine.empty(); });
  return tree;
}

// The proportions of one client, with everything closed that has run out.
class PachinkoClient {
 public:
  PachinkoClient(const PachinkoSettings& settings, const Tree& tree, const std::vector<Rows>& left,
                 RandomStream& stream)
      : tree_(tree),
        coarse_(
            OpenDraw::dirichlet(std::vector<double>(tree.size(), settings.coarse_alpha), stream)) {
    for (const auto& classes : tree)
      fine_.push_back(
          OpenDraw::dirichlet(std::vector<double>(classes.size(), settings.fine_alpha), stream));
    for (std::size_t g = 0; g < tree.size(); ++g)
      for (std::size_t k = 0; k < tree[g].size(); ++k)
        if (left[tree[g][k]].empty()) close(g, k);
  }

  std::uint32_t take(std::vector<Rows>& left, RandomStream& stream) {
    const std::size_t g = coarse_.draw(stream);
    const std::size_t k = fine_[g].draw(stream);
    Rows& rows = left[tree_[g][k]];
    const std::uint32_t row = rows.back();
    rows.pop_back();
    if (rows.empty()) close(g, k);
    return row;
  }

 private:
  void close(std::size_t g, std::size_t k) {
    fine_[g].close(k);
    if (!fine_[g].any_open()) coarse_.close(g);
  }

  const Tree& tree_;
  OpenDraw coarse_;
  std::vector<OpenDraw> fine_;
};

Result<Partition> split_pachinko(const PachinkoSettings& settings,
                                 std::shared_ptr<const Dataset> data, std::size_t nodes,
                                 std::uint64_t seed) {
  SHOAL_TRY_STATUS(check_nodes(*data, nodes));
  SHOAL_TRY_STATUS(check_classes(*data, "pachinko"));
  SHOAL_TRY(const Tree tree, make_tree(settings, data->classes));
  auto sizes = cover_sizes(data->rows, nodes, settings.cover);
  if (settings.rows_per_node > 0) {
    const auto each = static_cast<std::size_t>(settings.rows_per_node);
    if (each > data->rows / nodes)
      return invalid_argument(fmt::format("rows_per_node {} for {} nodes is more than the {} rows",
                                          each, nodes, data->rows));
    sizes.assign(nodes, each);
  }
  auto left = shuffled_rows_by_class(*data, seed);
  std::vector<Rows> lists(nodes);
  for (std::size_t i = 0; i < nodes; ++i) {
    auto stream = partition_stream(seed, "pachinko", static_cast<std::uint32_t>(i));
    PachinkoClient client(settings, tree, left, stream);
    while (lists[i].size() < sizes[i]) lists[i].push_back(client.take(left, stream));
  }
  shuffle_nodes(lists, seed);
  return Partition{std::move(data), std::move(lists)};
}

}  // namespace

PartitionerEntry pachinko_entry() {
  return partitioner_entry<PachinkoSettings, &split_pachinko>(
      "pachinko", "Dirichlet proportions of coarse, then of fine labels", "2003.00295");
}

}  // namespace shoal
