// The problems of the study of MASHA: bilinear saddles and robust logistic regression.
#pragma once

#include <string>
#include <vector>

#include "shoal/study/study.h"

namespace shoal {

inline constexpr char kSaddles[] = R"(
name = "masha"
precision = "double"
[data]
kind = "bilinear_saddles"
nodes = 5
dimension = 20
[partition]
kind = "users"
[model]
kind = "bilinear_saddle"
lambda = 0.1
[nodes]
count = 5
[method]
kind = "masha1"
[codec]
kind = "dense"
[report]
every = 1000000
)";
inline constexpr char kCancer[] = R"(
name = "masha-robust"
precision = "double"
[data]
kind = "breast_cancer"
[partition]
kind = "iid"
[model]
kind = "robust_logistic"
[nodes]
count = 10
[method]
kind = "masha1"
[codec]
kind = "dense"
[report]
every = 1000000
)";

// A problem with a seed: what a run of it needs.
struct Posed {
  std::vector<std::string> set;
  std::vector<double> solution;
  double smoothness = 1.0;
};

// The mean of the workers' L_m, each the root of lambda^2 and |A_m|^2.
double saddle_smoothness(const Dataset& data, double lambda);

// kCancer with that seed: the solution by extragradient on one machine in double, and L of the mean
// operator by power iteration there.
Result<Posed> pose_robust(StudyContext& context, std::int64_t seed);

}  // namespace shoal
