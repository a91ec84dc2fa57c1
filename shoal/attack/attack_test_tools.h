// What the attack tests share: attacks made from a table, and what they forge.
#pragma once

#include <gtest/gtest.h>
#include <initializer_list>
#include <memory>
#include <utility>
#include <vector>

#include "shoal/attack/attack.h"

namespace shoal {

using FloatRows = std::vector<std::vector<float>>;

inline Table attack_table(const char* kind,
                          std::initializer_list<std::pair<const char*, Value>> rest = {}) {
  Table table;
  table.set("kind", kind);
  for (const auto& [key, value] : rest) table.set(key, value);
  return table;
}

// An attack of the place that is asked for.
template <class Place>
std::unique_ptr<Place> made_attack(const Table& table) {
  auto attack = attacks().make(table, "[attack]").value();
  auto* made = dynamic_cast<Place*>(attack.release());
  EXPECT_NE(made, nullptr);
  return std::unique_ptr<Place>(made);
}

// Liars are senders 0, 1, ...; honest ones come behind them.
inline AttackView view_of(const FloatRows& honest, const FloatRows& own) {
  AttackView view{.honest = {honest.begin(), honest.end()},
                  .own = {own.begin(), own.end()},
                  .stream = RandomStream(1, purpose("attack test"))};
  for (std::uint32_t i = 0; i < own.size(); ++i) view.liars.push_back(i);
  for (std::uint32_t i = 0; i < honest.size(); ++i)
    view.honest_senders.push_back(static_cast<std::uint32_t>(own.size()) + i);
  return view;
}

inline FloatRows forged_by(MessageAttack& attack, const AttackView& view) {
  EXPECT_TRUE(attack.check(view.honest.size(), view.own.size()).ok());
  const std::size_t d = view.dimension();
  std::vector<float> out(view.own.size() * d);
  attack.forge(view, out);
  FloatRows rows;
  for (auto at = out.begin(); at != out.end(); at += static_cast<std::ptrdiff_t>(d))
    rows.emplace_back(at, at + static_cast<std::ptrdiff_t>(d));
  return rows;
}

inline FloatRows forged(const Table& table, const FloatRows& honest, const FloatRows& own) {
  return forged_by(*made_attack<MessageAttack>(table), view_of(honest, own));
}

}  // namespace shoal
