// Held-out rows: how one set becomes training and test rows, and scaling by training statistics.
//
// Partitions are made of the training rows afterwards, never of test rows.
#pragma once

#include <cstdint>
#include <string>

#include "shoal/base/result.h"
#include "shoal/data/dataset.h"

namespace shoal {

// The given rows of a set, in that order, as a set of its own.
Dataset take_rows(const Dataset& data, const Rows& rows);

struct SplitRows {
  Rows train;  // increasing
  Rows test;   // increasing
};

// A fraction of each class (regression: of all rows), rounded to the nearest row but at least one
// row of each class on both sides where it has two. The shuffle is keyed by `split_seed` alone, so
// that runs with different run seeds are measured on the same rows. fraction in (0, 1).
Result<SplitRows> stratified_split(const Dataset& data, double fraction, std::uint64_t split_seed);

// A fraction of each user's rows, at least one row on each side; users with one row only train.
Result<SplitRows> split_each_user(const Dataset& data, double fraction, std::uint64_t split_seed);

// Whole users: the test rows are all rows of a fraction of the users, at least one on each side.
Result<SplitRows> split_by_user(const Dataset& data, double fraction, std::uint64_t split_seed);

TaskData make_task(const Dataset& data, const SplitRows& split);

// Subtracts each feature's training mean and divides by its (population) deviation, both measured
// on `train` and applied to both sets. A constant feature becomes 0.
void standardise(Dataset& train, Dataset& test);

}  // namespace shoal
