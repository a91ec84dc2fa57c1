// Problem: what the workers of a run train together. Read-only and shared by all of them.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "shoal/base/ids.h"
#include "shoal/data/dataset.h"
#include "shoal/data/order.h"
#include "shoal/model/model.h"

namespace shoal {

class LocalAttack;

template <class Scalar>
struct Problem {
  std::shared_ptr<const Dataset> data;
  std::vector<Rows> rows;  // of each worker
  std::shared_ptr<ModelPool<Scalar>> models;
  std::vector<Scalar> initial;  // the same start for everybody
  OrderKind order = OrderKind::kRandomReshuffling;
  // What a worker does to its own training in a step or round that it lies in; null: nothing.
  // No function: nobody does. Where liars move it is not for several threads at once.
  std::function<const LocalAttack*(std::size_t worker, Step)> local_attack;
  std::vector<Rows> lying_rows;  // of each worker in such steps; empty: the same

  const LocalAttack* attack_of(std::size_t worker, Step step) const {
    return local_attack ? local_attack(worker, step) : nullptr;
  }
  const Rows& rows_under(const LocalAttack* attack, std::size_t worker) const {
    return attack && !lying_rows.empty() ? lying_rows[worker] : rows[worker];
  }
  std::size_t workers() const { return rows.size(); }
  std::size_t dimension() const { return initial.size(); }
};

// Rows that only a server holds, kept out of everybody's training and of every test.
struct ValidationSet {
  std::shared_ptr<const Dataset> data;  // null: none
  Rows rows;                            // all of its rows
};

}  // namespace shoal
