#include "shoal/data/held_out.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "shoal/base/check.h"
#include "shoal/base/random.h"

namespace shoal {
namespace {

Status check_fraction(double fraction) {
  if (!(fraction > 0.0 && fraction < 1.0))
    return invalid_argument("the test fraction must lie between 0 and 1, both excluded");
  return ok_status();
}

// Draws the test rows of one group; `least` is the fewest rows a side may keep.
void split_group(Rows& group, double fraction, std::size_t least, RandomStream& stream,
                 SplitRows& out) {
  stream.shuffle(std::span(group));
  auto count = static_cast<std::size_t>(std::floor(fraction * group.size() + 0.5));
  if (group.size() < 2 * least)
    count = 0;
  else
    count = std::clamp(count, least, group.size() - least);
  out.test.insert(out.test.end(), group.begin(), group.begin() + count);
  out.train.insert(out.train.end(), group.begin() + count, group.end());
}

Result<SplitRows> sorted(SplitRows split) {
  if (split.test.empty() || split.train.empty())
    return invalid_argument("too few rows to hold some out: give more rows or a test file");
  std::sort(split.train.begin(), split.train.end());
  std::sort(split.test.begin(), split.test.end());
  return split;
}

// Rows of each group, by increasing key.
template <class Key>
std::map<Key, Rows> group_rows(const std::vector<Key>& keys) {
  std::map<Key, Rows> groups;
  for (std::size_t row = 0; row < keys.size(); ++row)
    groups[keys[row]].push_back(static_cast<std::uint32_t>(row));
  return groups;
}

}  // namespace

Dataset take_rows(const Dataset& data, const Rows& rows) {
  Dataset out;
  out.name = data.name;
  out.rows = rows.size();
  out.features = data.features;
  out.shape = data.shape;
  out.classes = data.classes;
  out.x.reserve(rows.size() * data.features);
  for (const std::uint32_t row : rows) {
    SHOAL_CHECK(row < data.rows, "a row outside the data set");
    const auto values = data.row(row);
    out.x.insert(out.x.end(), values.begin(), values.end());
    if (!data.labels.empty()) out.labels.push_back(data.labels[row]);
    if (!data.targets.empty()) out.targets.push_back(data.targets[row]);
    if (!data.users.empty()) out.users.push_back(data.users[row]);
  }
  return out;
}

Result<SplitRows> stratified_split(const Dataset& data, double fraction, std::uint64_t split_seed) {
  SHOAL_TRY_STATUS(check_fraction(fraction));
  RandomStream stream(split_seed, purpose("held-out rows"));
  SplitRows split;
  const std::vector<std::int32_t> one_group(data.classes == 0 ? data.rows : 0, 0);
  for (auto& [label, rows] : group_rows(data.classes == 0 ? one_group : data.labels))
    split_group(rows, fraction, 1, stream, split);
  return sorted(std::move(split));
}

Result<SplitRows> split_each_user(const Dataset& data, double fraction, std::uint64_t split_seed) {
  SHOAL_TRY_STATUS(check_fraction(fraction));
  if (data.users.empty()) return invalid_argument("the data set has no users to split by");
  SplitRows split;
  for (auto& [user, rows] : group_rows(data.users)) {
    RandomStream stream(split_seed, purpose("held-out rows of a user"), user);
    split_group(rows, fraction, 1, stream, split);
  }
  return sorted(std::move(split));
}

Result<SplitRows> split_by_user(const Dataset& data, double fraction, std::uint64_t split_seed) {
  SHOAL_TRY_STATUS(check_fraction(fraction));
  if (data.users.empty()) return invalid_argument("the data set has no users to split by");
  const auto groups = group_rows(data.users);
  Rows users;
  for (const auto& [user, rows] : groups) users.push_back(user);
  SplitRows chosen;
  RandomStream stream(split_seed, purpose("held-out users"));
  split_group(users, fraction, 1, stream, chosen);
  SplitRows split;
  for (const std::uint32_t user : chosen.train)
    split.train.insert(split.train.end(), groups.at(user).begin(), groups.at(user).end());
  for (const std::uint32_t user : chosen.test)
    split.test.insert(split.test.end(), groups.at(user).begin(), groups.at(user).end());
  return sorted(std::move(split));
}

TaskData make_task(const Dataset& data, const SplitRows& split) {
  return TaskData{std::make_shared<Dataset>(take_rows(data, split.train)),
                  std::make_shared<Dataset>(take_rows(data, split.test))};
}

void standardise(Dataset& train, Dataset& test) {
  SHOAL_CHECK(train.features == test.features, "training and test rows of different widths");
  std::vector<double> mean(train.features, 0.0);
  std::vector<double> square(train.features, 0.0);
  for (std::size_t row = 0; row < train.rows; ++row)
    for (std::size_t j = 0; j < train.features; ++j) mean[j] += train.row(row)[j];
  for (double& value : mean) value /= static_cast<double>(train.rows);
  for (std::size_t row = 0; row < train.rows; ++row)
    for (std::size_t j = 0; j < train.features; ++j) {
      const double away = train.row(row)[j] - mean[j];
      square[j] += away * away;
    }
  std::vector<double> scale(train.features, 0.0);
  for (std::size_t j = 0; j < train.features; ++j)
    if (square[j] > 0.0) scale[j] = 1.0 / std::sqrt(square[j] / static_cast<double>(train.rows));
  for (Dataset* data : {&train, &test})
    for (std::size_t i = 0; i < data->x.size(); ++i) {
      const std::size_t j = i % data->features;
      data->x[i] = static_cast<float>((data->x[i] - mean[j]) * scale[j]);
    }
}

}  // namespace shoal
