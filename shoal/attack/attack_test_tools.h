// What the attack tests share: attacks made from a table, what they forge, and sets they poison.
#pragma once

#include <gtest/gtest.h>
#include <initializer_list>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include "shoal/attack/attack.h"
#include "shoal/attack/local_attack.h"

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

// Images of 3 x 4 whose first pixel counts rows; labels go round.
inline Dataset images(std::size_t rows, std::size_t classes) {
  Dataset data;
  data.name = "images";
  data.features = 12;
  data.shape = {1, 3, 4};
  data.classes = classes;
  for (std::size_t row = 0; row < rows; ++row) {
    std::vector<float> pixels(12);
    std::iota(pixels.begin(), pixels.end(), static_cast<float>(100 * row));
    append_row(data, pixels, static_cast<std::int32_t>(row % classes));
  }
  return data;
}

// Rows by their number, where `made` stands behind `data`.
inline Dataset of_rows(const Dataset& data, const Dataset& made, const Rows& rows) {
  Dataset all = empty_like(data);
  for (const std::uint32_t row : rows)
    if (row < data.rows)
      append_row(all, data.row(row), data.labels[row]);
    else
      append_row(all, made.row(row - data.rows), made.labels[row - data.rows]);
  return all;
}

// What one liar trains on.
inline Result<Dataset> poisoned(const Table& table, const Dataset& data, const Rows& own) {
  const PoisonView view{.data = data,
                        .liars = {{own, RandomStream(1, purpose("test"), 3)}},
                        .stream = RandomStream(1, purpose("test"))};
  Dataset made = empty_like(data);
  SHOAL_TRY(const PoisonedRows rows, made_attack<LocalAttack>(table)->poison(view, made));
  return of_rows(data, made, rows.liars.at(0));
}

inline FloatRows random_rows(RandomStream& stream, std::size_t rows, std::size_t d,
                             double spread = 1.0) {
  FloatRows made(rows, std::vector<float>(d));
  for (auto& row : made)
    for (float& value : row) value = static_cast<float>(0.5 + spread * stream.normal());
  return made;
}

}  // namespace shoal
