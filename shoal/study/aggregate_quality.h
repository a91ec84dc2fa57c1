// How good a server's aggregates are against the mean of the honest rows, round by round: what a
// ledger cannot tell, because only a simulation knows who is honest.
#pragma once

#include <string>
#include <vector>

#include "shoal/study/study.h"

namespace shoal {

// One round: a = what the rule made of the rows, v = the mean of the honest ones among them.
struct AggregateQuality {
  double inner_product = 0.0;    // <a, v>
  double relative_error = 0.0;   // ||a - v|| / ||v||
  double signal_to_noise = 0.0;  // ||v|| / sqrt(mean ||v_i - v||^2), of honest rows
};

struct QualityRun {
  RunResult result;
  std::vector<AggregateQuality> rounds;  // in which the rule gave a row

  double share_of_negative_products() const;
  double mean_relative_error() const;
};

// Runs an experiment of a method with a server. Costs two passes over the rows of a round.
Result<QualityRun> aggregate_quality(StudyContext& context, const std::string& experiment,
                                     const std::vector<std::string>& set);

}  // namespace shoal
