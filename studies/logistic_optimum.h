// The optimum of a federated convex problem, by Newton's method on one machine in double.
#pragma once

#include <span>
#include <vector>

#include "shoal/data/partition.h"
#include "shoal/model/model.h"

namespace shoal {

// f(x) = mean over nodes of the mean loss of their rows, every node with the same weight. Nodes
// must not be empty. `model` must have Hessian-vector products.
double mean_client_loss(Model<double>& model, const Partition& partition,
                        std::span<const double> x);

// The minimiser of f, found from zero: damped Newton steps until the gradient's norm is below
// 1e-13 or `steps_max` have been made. Cost: d Hessian-vector products over all rows a step.
std::vector<double> mean_client_optimum(Model<double>& model, const Partition& partition,
                                        std::size_t steps_max = 100);

}  // namespace shoal
