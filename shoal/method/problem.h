// Problem: what the workers of a run train together. Read-only and shared by all of them.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "shoal/data/dataset.h"
#include "shoal/data/order.h"
#include "shoal/model/model.h"

namespace shoal {

template <class Scalar>
struct Problem {
  std::shared_ptr<const Dataset> data;
  std::vector<Rows> rows;  // of each worker
  std::shared_ptr<ModelPool<Scalar>> models;
  std::vector<Scalar> initial;  // the same start for everybody
  OrderKind order = OrderKind::kRandomReshuffling;

  std::size_t workers() const { return rows.size(); }
  std::size_t dimension() const { return initial.size(); }
};

// Rows that only a server holds, kept out of everybody's training and of every test.
struct ValidationSet {
  std::shared_ptr<const Dataset> data;  // null: none
  Rows rows;                            // all of its rows
};

}  // namespace shoal
