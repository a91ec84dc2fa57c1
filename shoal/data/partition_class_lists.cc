// class_lists: open-world splits by explicit lists (FedoSSL). One text a node, "class:rows" pairs:
//
//   labelled   = ["0:500, 1:500", "0:500, 2:500"]
//   unlabelled = ["6:1000", "6:1000, 7:2500"]
//
// Rows are drawn at random without replacement, labelled ones first; asking for more rows of a
// class than there are is an error. Rows that no list asks for are left out.
#include "shoal/data/partition_entries.h"
#include "shoal/data/text_scan.h"

namespace shoal {
namespace {

struct ClassListSettings {
  std::vector<std::string> labelled;
  std::vector<std::string> unlabelled;
};

void describe(Settings& settings, ClassListSettings& values) {
  settings.texts("labelled", values.labelled,
                 "labelled rows of each node: \"class:rows, class:rows\"");
  settings.texts("unlabelled", values.unlabelled,
                 "rows of each node whose labels it must not use; empty: none");
}

struct Demand {
  std::size_t label;
  std::size_t rows;
};

Result<std::vector<Demand>> parse_list(std::string_view text, std::size_t classes) {
  std::vector<Demand> list;
  while (!trimmed(text).empty()) {
    const std::size_t comma = text.find(',');
    const std::string_view pair = trimmed(text.substr(0, comma));
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
    const std::size_t colon = pair.find(':');
    const auto label = parse_number<std::size_t>(trimmed(pair.substr(0, colon)));
    const auto rows = colon == std::string_view::npos
                          ? std::nullopt
                          : parse_number<std::size_t>(trimmed(pair.substr(colon + 1)));
    if (!label || !rows || *label >= classes)
      return invalid_argument(
          fmt::format("'{}' is not class:rows with a class from 0 to {}", pair, classes - 1));
    list.push_back({*label, *rows});
  }
  return list;
}

// Takes what the lists ask for off `left`.
Result<std::vector<Rows>> take(const std::vector<std::string>& lists, std::vector<Rows>& left) {
  std::vector<Rows> out;
  for (const std::string& text : lists) {
    SHOAL_TRY(const auto demands, parse_list(text, left.size()));
    Rows& rows = out.emplace_back();
    for (const Demand& demand : demands) {
      Rows& source = left[demand.label];
      if (demand.rows > source.size())
        return invalid_argument(
            fmt::format("the list of node {} asks for {} rows of class {}, and "
                        "{} are left",
                        out.size() - 1, demand.rows, demand.label, source.size()));
      rows.insert(rows.end(), source.end() - static_cast<std::ptrdiff_t>(demand.rows),
                  source.end());
      source.resize(source.size() - demand.rows);
    }
  }
  return out;
}

Result<Partition> split_class_lists(const ClassListSettings& settings,
                                    std::shared_ptr<const Dataset> data, std::size_t nodes,
                                    std::uint64_t seed) {
  SHOAL_TRY_STATUS(check_nodes(*data, nodes));
  SHOAL_TRY_STATUS(check_classes(*data, "class_lists"));
  if (settings.labelled.size() != nodes)
    return invalid_argument(
        fmt::format("labelled must hold one list for each of the {} nodes; it "
                    "has {}",
                    nodes, settings.labelled.size()));
  if (!settings.unlabelled.empty() && settings.unlabelled.size() != nodes)
    return invalid_argument(
        fmt::format("unlabelled must hold one list for each of the {} nodes, "
                    "or none; it has {}",
                    nodes, settings.unlabelled.size()));
  auto left = shuffled_rows_by_class(*data, seed);
  SHOAL_TRY(auto labelled, take(settings.labelled, left));
  SHOAL_TRY(auto unlabelled, take(settings.unlabelled, left));
  shuffle_nodes(labelled, seed);
  shuffle_nodes(unlabelled, seed);
  return Partition{std::move(data), std::move(labelled), std::move(unlabelled)};
}

}  // namespace

PartitionerEntry class_lists_entry() {
  return partitioner_entry<ClassListSettings, &split_class_lists>(
      "class_lists", "explicit numbers of labelled and unlabelled rows of each class", "FedoSSL");
}

}  // namespace shoal
