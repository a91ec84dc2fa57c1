// How far the nodes of a run are from a known optimum, step by step: for problems whose solution is
// known, where a ledger's losses say too little.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "shoal/study/study.h"

namespace shoal {

// Mean over the nodes of ||x_i - optimum||^2 after each step of one run in double. optimum has the
// length of the model. Costs one pass over each model a step; nothing is tested.
Result<std::vector<double>> squared_distances(StudyContext& context, const std::string& experiment,
                                              const std::vector<std::string>& set,
                                              std::span<const double> optimum);

// Steps until the squared distance is at most `tolerance` and stays there to the end of the run;
// empty when it does not.
std::optional<std::size_t> steps_to(std::span<const double> squared_distances, double tolerance);

}  // namespace shoal
