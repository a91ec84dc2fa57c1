// A member's own rows: a file or a folder it trains on, instead of a share of the experiment's
// data.
//
//   rows.csv, rows.tsv (or .gz)      one row a line, names in the first, the label last
//   rows.svm, rows.libsvm            LIBSVM's sparse text
//   folder with features.npy, labels.npy
//   folder with ...-images-idx3-ubyte, ...-labels-idx1-ubyte (or .gz)
//   data.toml                        a [data] table: any kind, any settings
#pragma once

#include <memory>
#include <string>

#include "shoal/data/dataset.h"
#include "shoal/run/experiment.h"

namespace shoal {

// All rows of it.
Result<Dataset> load_own_rows(const std::string& path);
// The rows with the shape and classes of the experiment's training data; rows of another width, or
// of classes that it does not know, are an error.
Result<std::shared_ptr<const Dataset>> fit_own_rows(Dataset rows, const Dataset& like);

// The experiment as members who bring their rows are given it: its data only as a shape.
Experiment without_data(const Experiment& experiment, const Dataset& like);

}  // namespace shoal
