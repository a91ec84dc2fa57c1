// A catalogue: the kinds of one thing (codecs, rules, topologies, ...) by name, each with its
// settings and how to make it. A room's catalogue.cc lists its entries, one line each:
//
//   const Catalogue<Codec>& codecs() {
//     static const Catalogue<Codec> all("codec", {dense_entry(), top_k_entry()});
//     return all;
//   }
//
// and an entry stands at the end of the file that implements it:
//
//   CatalogueEntry<Codec> top_k_entry() {
//     return catalogue_entry<Codec, TopKSettings>("top_k", "the k largest entries", "1809.07599",
//                                                 &make_top_k);
//   }
//
// where make_top_k takes the settings and returns Result<std::unique_ptr<Codec>>. Extra arguments
// that only the caller knows are template arguments: Catalogue<Partitioner, const Dataset&>.
#pragma once

#include <fmt/format.h>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "shoal/base/settings.h"

namespace shoal {

struct NoSettings {};
inline void describe(Settings&, NoSettings&) {}

template <class T, class... Context>
struct CatalogueEntry {
  using Made = Result<std::unique_ptr<T>>;
  std::string name;
  std::string summary;
  std::string paper;
  // Parses `table` (all but "kind") and makes the thing.
  std::function<Made(const Table& table, const std::string& where, Context...)> make;
  // Parses `table`, checks it, and returns it with every default filled in.
  std::function<Result<Table>(const Table& table, const std::string& where)> resolve;
  std::vector<SettingInfo> settings;
};

template <class T, class... Context>
class Catalogue {
 public:
  using Entry = CatalogueEntry<T, Context...>;
  Catalogue(std::string what, std::vector<Entry> entries)
      : what_(std::move(what)), entries_(std::move(entries)) {}

  const std::string& what() const { return what_; }
  const std::vector<Entry>& entries() const { return entries_; }

  // The entry of that name, or an error that names the nearest one.
  Result<const Entry*> find(const std::string& name) const {
    std::vector<std::string> names;
    for (const Entry& entry : entries_) {
      if (entry.name == name) return &entry;
      names.push_back(entry.name);
    }
    return not_found(fmt::format("unknown {} '{}'{}", what_, name, suggestion(name, names)));
  }

  // Makes the thing that table["kind"] names.
  Result<std::unique_ptr<T>> make(const Table& table, const std::string& where,
                                  Context... context) const {
    SHOAL_TRY(const Entry* entry, chosen(table, where));
    return entry->make(table, where, std::forward<Context>(context)...);
  }
  // The table with its kind and every default written out.
  Result<Table> resolve(const Table& table, const std::string& where) const {
    SHOAL_TRY(const Entry* entry, chosen(table, where));
    SHOAL_TRY(const Table rest, entry->resolve(table, where));
    Table all;
    all.set("kind", entry->name);
    merge(all, rest);
    return all;
  }

 private:
  Result<const Entry*> chosen(const Table& table, const std::string& where) const {
    const Value* kind = table.find("kind");
    const std::string* name = kind ? kind->as<std::string>() : nullptr;
    if (!name)
      return invalid_argument(
          fmt::format("{} needs kind = \"...\", the {} to use (see `shoal "
                      "list {}`)",
                      where, what_, what_));
    auto entry = find(*name);
    if (!entry.ok()) return within(where, entry.error());
    return entry;
  }

  std::string what_;
  std::vector<Entry> entries_;
};

template <class T, class S, class... Context>
CatalogueEntry<T, Context...> catalogue_entry(
    std::string name, std::string summary, std::string paper,
    Result<std::unique_ptr<T>> (*make)(const S&, Context...), const S& defaults = S{}) {
  CatalogueEntry<T, Context...> entry;
  entry.name = std::move(name);
  entry.summary = std::move(summary);
  entry.paper = std::move(paper);
  entry.make = [make, defaults](const Table& table, const std::string& where,
                                Context... context) -> Result<std::unique_ptr<T>> {
    S settings = defaults;
    SHOAL_TRY_STATUS(read_settings(table, where, settings, {"kind"}));
    auto made = make(settings, std::forward<Context>(context)...);
    if (!made.ok()) return within(where, made.error());
    return made;
  };
  entry.resolve = [defaults](const Table& table, const std::string& where) -> Result<Table> {
    S settings = defaults;
    SHOAL_TRY_STATUS(read_settings(table, where, settings, {"kind"}));
    return write_settings(settings);
  };
  entry.settings = list_settings(defaults);
  return entry;
}

}  // namespace shoal
