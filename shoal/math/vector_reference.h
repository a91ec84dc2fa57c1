// The kernels of vector.h in plain C++, one loop each, by which the SIMD ones are tested for ever.
#pragma once

#include "shoal/math/vector.h"

namespace shoal::reference {

void axpy(float a, Row x, std::span<float> y);
void scale(float a, std::span<float> x);
void scaled_sum(float a, Row x, float b, Row y, std::span<float> out);
void weighted_sum(std::span<const Row> rows, std::span<const double> weights, std::span<float> out);
double dot(Row x, Row y);
double squared_distance(Row x, Row y);
double sum(Row x);
double absolute_sum(Row x);
double dot_float(Row x, Row y);
double squared_distance_float(Row x, Row y);
bool all_finite(Row x);
float max_abs(Row x);

}  // namespace shoal::reference
