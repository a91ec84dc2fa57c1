#include "shoal/attack/mixture.h"

#include <algorithm>
#include <fmt/format.h>

#include "shoal/attack/local_attack.h"

namespace shoal {
namespace {

struct PartUse {
  std::int64_t liars = 1;
};
void describe(Settings& s, PartUse& v) {
  s.integer("liars", v.liars, "how many of the liars do this", {.range = at_least(1)});
}

struct PartTable {
  PartUse use;
  Table attack;
  std::string where;
};

Result<std::vector<PartTable>> part_tables(const Table& table, const std::string& where) {
  for (const auto& [key, value] : table.entries())
    if (key != "kind" && key != "parts")
      return invalid_argument(
          fmt::format("unknown setting '{}' in {}; mixture has parts and "
                      "nothing else",
                      key, where));
  const Value* given = table.find("parts");
  const auto* list = given ? given->as<Value::List>() : nullptr;
  if (!list || list->empty())
    return invalid_argument(fmt::format(
        "{} needs parts, such as [{{ kind = \"sign_flip\", liars = 2 }}, {{ kind = \"zero\" }}]",
        where));
  std::vector<PartTable> parts;
  for (const Value& entry : *list) {
    PartTable part;
    part.where = fmt::format("{} parts, entry {}", where, parts.size() + 1);
    const Table* inner = entry.as<Table>();
    if (!inner)
      return invalid_argument(
          fmt::format("{} is {} in place of a table with a kind", part.where, entry.type_name()));
    Table use;
    for (const auto& [key, value] : inner->entries())
      (key == "liars" ? use : part.attack).set(key, value);
    SHOAL_TRY_STATUS(read_settings(use, part.where, part.use));
    parts.push_back(std::move(part));
  }
  return parts;
}

Result<std::unique_ptr<Attack>> make_mixture(const Table& table, const std::string& where) {
  SHOAL_TRY(const auto tables, part_tables(table, where));
  std::vector<Mixture::Part> parts;
  for (const PartTable& part : tables) {
    SHOAL_TRY(auto attack, attacks().make(part.attack, part.where));
    const auto* message = dynamic_cast<const MessageAttack*>(attack.get());
    if (dynamic_cast<const Mixture*>(message) || (message && message->probes()) ||
        (!message && !dynamic_cast<const LocalAttack*>(attack.get())))
      return unsupported(
          fmt::format("{}: a mixture has no place for mixtures, for attacks that ask the rule "
                      "(optimise), nor for attacks in transit",
                      part.where));
    parts.push_back({static_cast<std::size_t>(part.use.liars), std::move(attack)});
  }
  return {std::make_unique<Mixture>(std::move(parts))};
}

Result<Table> resolve_mixture(const Table& table, const std::string& where) {
  SHOAL_TRY(const auto tables, part_tables(table, where));
  Value::List parts;
  for (const PartTable& part : tables) {
    SHOAL_TRY(Table resolved, attacks().resolve(part.attack, part.where));
    resolved.set("liars", part.use.liars);
    parts.emplace_back(std::move(resolved));
  }
  Table resolved;
  resolved.set("parts", std::move(parts));
  return resolved;
}

}  // namespace

std::size_t Mixture::liars() const {
  std::size_t liars = 0;
  for (const Part& part : parts_) liars += part.liars;
  return liars;
}

std::size_t Mixture::part_of(std::size_t number) const {
  SHOAL_CHECK(number < liars(), "every liar of a run has a part");
  std::size_t part = 0;
  for (; number >= parts_[part].liars; ++part) number -= parts_[part].liars;
  return part;
}

Status Mixture::check(std::size_t honest, std::size_t) const {
  for (const Part& part : parts_) SHOAL_TRY_STATUS(part.attack->check(honest, part.liars));
  return ok_status();
}

void Mixture::forge(const AttackView& view, std::span<float> out) {
  const std::size_t d = view.dimension();
  for (std::size_t k = 0; k < view.own.size(); ++k)
    std::ranges::copy(view.own[k], out.begin() + static_cast<std::ptrdiff_t>(k * d));
  RandomStream streams = view.stream;
  for (std::size_t p = 0; p < parts_.size(); ++p) {
    const std::uint64_t seed = streams.bits64();
    auto* message = dynamic_cast<MessageAttack*>(parts_[p].attack.get());
    if (!message) continue;
    AttackView part = view;
    part.stream = RandomStream(seed, purpose("part of a mixture"), view.receiver, view.round);
    part.own.clear();
    part.liars.clear();
    part.liar_numbers.clear();
    std::vector<std::size_t> places;
    for (std::size_t k = 0; k < view.own.size(); ++k) {
      if (part_of(view.liar_numbers[k]) != p) continue;
      places.push_back(k);
      part.own.push_back(view.own[k]);
      part.liars.push_back(view.liars[k]);
      part.liar_numbers.push_back(view.liar_numbers[k]);
    }
    if (places.empty() || !message->check(view.honest.size(), places.size()).ok()) continue;
    std::vector<float> rows(places.size() * d);
    message->forge(part, rows);
    for (std::size_t i = 0; i < places.size(); ++i)
      std::ranges::copy(std::span(rows).subspan(i * d, d),
                        out.begin() + static_cast<std::ptrdiff_t>(places[i] * d));
  }
}

void Mixture::save(ByteWriter& out) const {
  for (const Part& part : parts_)
    if (const auto* message = dynamic_cast<const MessageAttack*>(part.attack.get()))
      message->save(out);
}

Status Mixture::load(ByteReader& in) {
  for (const Part& part : parts_)
    if (auto* message = dynamic_cast<MessageAttack*>(part.attack.get()))
      SHOAL_TRY_STATUS(message->load(in));
  return ok_status();
}

CatalogueEntry<Attack> mixture_entry() {
  CatalogueEntry<Attack> entry;
  entry.name = "mixture";
  entry.summary = "several attacks at once, each by liars of its own";
  entry.paper = "2208.10273";
  entry.make = &make_mixture;
  entry.resolve = &resolve_mixture;
  SettingInfo parts;
  parts.name = "parts";
  parts.type = "list of tables";
  parts.meaning = "attacks with their settings, and liars, how many of the liars do that";
  parts.default_text = "[]";
  entry.settings = {std::move(parts)};
  return entry;
}

}  // namespace shoal
