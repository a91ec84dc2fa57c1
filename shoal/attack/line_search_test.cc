#include "shoal/attack/line_search.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>

#include "shoal/attack/attack_test_tools.h"
#include "shoal/math/vector.h"

namespace shoal {
namespace {

using Doubles = std::vector<std::vector<double>>;

// NNM (f = 1), clipping to norm 2 and the trimmed mean (1 a side), from their definitions.
std::vector<double> reference_pipeline(const Doubles& rows) {
  const std::size_t n = rows.size(), d = rows[0].size();
  Doubles mixed;
  for (const auto& row : rows) {
    std::vector<std::pair<double, std::size_t>> near;
    for (std::size_t j = 0; j < n; ++j) {
      double squared = 0.0;
      for (std::size_t c = 0; c < d; ++c) squared += std::pow(rows[j][c] - row[c], 2);
      near.emplace_back(squared, j);
    }
    std::ranges::sort(near);
    std::vector<double> mean(d);
    for (std::size_t k = 0; k + 1 < n; ++k)
      for (std::size_t c = 0; c < d; ++c)
        mean[c] += rows[near[k].second][c] / static_cast<double>(n - 1);
    double squared = 0.0;
    for (const double value : mean) squared += value * value;
    for (double& value : mean) value *= std::min(1.0, 2.0 / std::sqrt(squared));
    mixed.push_back(mean);
  }
  std::vector<double> out(d);
  for (std::size_t c = 0; c < d; ++c) {
    std::vector<double> column;
    for (const auto& row : mixed) column.push_back(row[c]);
    std::ranges::sort(column);
    for (std::size_t k = 1; k + 1 < n; ++k) out[c] += column[k] / static_cast<double>(n - 2);
  }
  return out;
}

FloatRows searched(const Table& table) {
  const FloatRows honest{{1, 2, 3}, {4, 5, 6}, {7, 8, 9}};
  AttackView view = view_of(honest, {{0, 0, 0}});
  std::size_t probes = 0;
  view.probe = [&](std::span<const Row> liar_rows, std::span<float> out) -> Status {
    ++probes;
    Doubles rows;
    for (const auto& row : honest) rows.emplace_back(row.begin(), row.end());
    for (const Row row : liar_rows) rows.emplace_back(row.begin(), row.end());
    const auto result = reference_pipeline(rows);
    std::ranges::copy(result, out.begin());
    return ok_status();
  };
  const auto attack = made_attack<MessageAttack>(table);
  EXPECT_TRUE(attack->probes());
  FloatRows rows = forged_by(*attack, view);
  EXPECT_EQ(probes, 21u);
  return rows;
}

TEST(LineSearch, FactorsOfTheCards) {
  const FloatRows inner = searched(attack_table("inner_product", {{"optimise", true}}));
  const double expected_inner[] = {-2.74877907, -3.43597384, -4.1231686};
  const FloatRows little =
      searched(attack_table("little_is_enough", {{"optimise", true}, {"direction", "plus"}}));
  const double expected_little[] = {12.9198512, 13.9198512, 14.9198512};
  for (std::size_t c = 0; c < 3; ++c) {
    EXPECT_NEAR(inner[0][c], expected_inner[c], 1e-6);
    EXPECT_NEAR(little[0][c], expected_little[c], 1e-6);
  }
}

// Where the rule has no answer the search stays where it starts.
TEST(LineSearch, ARuleWithoutAnAnswer) {
  const FloatRows honest{{1, 2}};
  AttackView view = view_of(honest, {{0, 0}});
  view.probe = [](std::span<const Row>, std::span<float>) { return Status(invalid_argument("n")); };
  LineSearchSettings settings;
  settings.start = 3.0;
  EXPECT_EQ(search_factor(settings, view, [](double, std::span<float>) {}), 3.0);
}

}  // namespace
}  // namespace shoal
