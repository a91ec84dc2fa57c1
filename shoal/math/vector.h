// Kernels on float rows, dispatched at run time to the widest SIMD the processor has (Highway).
//
// Every kernel gives the same bits on every target and thread count: element-wise ones by nature,
// sums through 16 virtual lanes (lanes-inl.h). Each has a plain twin in vector_reference.h.
// Spans of one call have equal length (checked) and do not overlap unless they are the same span.
#pragma once

#include <cstddef>
#include <span>

namespace shoal {

using Row = std::span<const float>;

// y += a x.
void axpy(float a, Row x, std::span<float> y);
// x *= a.
void scale(float a, std::span<float> x);
// out = a x + b y, with both products rounded to float; out may be x or y.
void scaled_sum(float a, Row x, float b, Row y, std::span<float> out);
// out = sum_i weights[i] rows[i], summed per coordinate in double and in row order, rounded once.
void weighted_sum(std::span<const Row> rows, std::span<const double> weights, std::span<float> out);
// sums += a x in double: a weighted sum taken one row at a time.
void accumulate(double a, Row x, std::span<double> sums);
// The weighted sum with all weights 1/n; at least one row.
void mean_of_rows(std::span<const Row> rows, std::span<float> out);

// Sums with double lanes: float products are exact in double, so the result is accurate to the
// rounding of the total.
double dot(Row x, Row y);
double squared_norm(Row x);
double squared_distance(Row x, Row y);
double sum(Row x);
double absolute_sum(Row x);
// Sums with float lanes, folded into a double every 1024 elements: faster only on rows that lie in
// cache; error up to about 70 * 2^-24 of the sum of magnitudes; terms beyond the float range
// overflow to infinity.
double dot_float(Row x, Row y);
double squared_norm_float(Row x);
double squared_distance_float(Row x, Row y);

// No NaN and no infinity. The index of the first one, or x.size().
bool all_finite(Row x);
std::size_t first_not_finite(Row x);
// The largest |x_i| of finite entries; 0 for an empty row.
float max_abs(Row x);

// The same on double rows, for convex problems.
void axpy(double a, std::span<const double> x, std::span<double> y);
void scale(double a, std::span<double> x);
double dot(std::span<const double> x, std::span<const double> y);
double squared_norm(std::span<const double> x);
double squared_distance(std::span<const double> x, std::span<const double> y);
bool all_finite(std::span<const double> x);

}  // namespace shoal
