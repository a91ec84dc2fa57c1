#include "shoal/data/saddles.h"

#include <Eigen/Dense>
#include <cmath>
#include <fmt/format.h>

#include "shoal/base/random.h"
#include "shoal/data/libsvm_reader.h"
#include "shoal/data/source_entries.h"

namespace shoal {
namespace {

constexpr std::int64_t kMaxNodes = 1 << 20;
constexpr std::int64_t kMaxDimension = 4096;

class SaddleSource : public DataSource {
 public:
  explicit SaddleSource(const BilinearSaddlesSettings& settings) : settings_(settings) {}
  Result<TaskData> load(std::uint64_t seed) const override {
    SHOAL_TRY(Dataset data, make_bilinear_saddles(settings_, seed));
    const auto rows = std::make_shared<const Dataset>(std::move(data));
    return TaskData{rows, rows};
  }

 private:
  BilinearSaddlesSettings settings_;
};

Result<std::unique_ptr<DataSource>> make_source(const BilinearSaddlesSettings& settings) {
  return std::unique_ptr<DataSource>(std::make_unique<SaddleSource>(settings));
}

}  // namespace

void describe(Settings& settings, BilinearSaddlesSettings& values) {
  settings.integer("nodes", values.nodes, "nodes that have functions",
                   {.range = at_least(1).up_to(kMaxNodes)});
  settings.integer("functions", values.functions, "functions of a node",
                   {.range = at_least(1).up_to(kMaxNodes)});
  settings.integer("dimension", values.dimension, "length of x, and of y",
                   {.range = at_least(1).up_to(kMaxDimension)});
}

Result<Dataset> make_bilinear_saddles(const BilinearSaddlesSettings& settings, std::uint64_t seed) {
  Dataset data;
  const auto p = static_cast<std::size_t>(settings.dimension);
  const auto functions = static_cast<std::size_t>(settings.functions);
  data.name = "bilinear_saddles";
  data.rows = static_cast<std::size_t>(settings.nodes) * functions;
  data.features = 2 * p + p * p;
  if (data.rows > kMaxDenseCells / data.features)
    return limit_exceeded("the saddles have more than 2^30 numbers: ask for fewer or smaller ones");
  data.shape = {static_cast<std::uint32_t>(data.features)};
  data.targets.assign(data.rows, 0.0f);
  const double coupling = 1.0 / std::sqrt(static_cast<double>(p));
  for (std::uint32_t row = 0; row < data.rows; ++row) {
    RandomStream stream(seed, purpose("bilinear saddles"), row);
    for (std::size_t i = 0; i < data.features; ++i)
      data.x.push_back(static_cast<float>((i < 2 * p ? 1.0 : coupling) * stream.normal()));
    data.users.push_back(static_cast<std::uint32_t>(row / functions));
  }
  return data;
}

Result<std::size_t> saddle_dimension(const Dataset& data) {
  const auto p =
      static_cast<std::size_t>(std::sqrt(1.0 + static_cast<double>(data.features)) - 0.5);
  if (data.classes != 0 || data.rows == 0 || p == 0 || 2 * p + p * p != data.features)
    return invalid_argument(
        fmt::format("{}: rows of {} features hold no saddles of 2 p + p^2; use bilinear_saddles",
                    data.name, data.features));
  return p;
}

Result<std::vector<double>> saddle_point(const Dataset& data, double lambda) {
  SHOAL_TRY(const std::size_t p, saddle_dimension(data));
  // The operator is M z + c, with M = [lambda I, A; -A', lambda I] and c = (a, -b).
  const auto size = static_cast<Eigen::Index>(2 * p);
  Eigen::MatrixXd system = Eigen::MatrixXd::Zero(size, size);
  Eigen::VectorXd constant = Eigen::VectorXd::Zero(size);
  for (std::size_t row = 0; row < data.rows; ++row) {
    const auto a = saddle_slope_x(data.row(row), p);
    const auto b = saddle_slope_y(data.row(row), p);
    const auto coupling = saddle_coupling(data.row(row), p);
    for (std::size_t i = 0; i < p; ++i) {
      constant(static_cast<Eigen::Index>(i)) += a[i];
      constant(static_cast<Eigen::Index>(p + i)) -= b[i];
      for (std::size_t j = 0; j < p; ++j) {
        system(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(p + j)) +=
            coupling[i * p + j];
        system(static_cast<Eigen::Index>(p + j), static_cast<Eigen::Index>(i)) -=
            coupling[i * p + j];
      }
    }
  }
  system /= static_cast<double>(data.rows);
  constant /= static_cast<double>(data.rows);
  system.diagonal().array() += lambda;
  const Eigen::VectorXd point = system.partialPivLu().solve(-constant);
  if (!point.allFinite())
    return invalid_argument("the saddle point is not unique: take lambda > 0");
  return std::vector<double>(point.data(), point.data() + size);
}

SourceEntry bilinear_saddles_entry() {
  return catalogue_entry<DataSource, BilinearSaddlesSettings>(
      "bilinear_saddles", "bilinear saddle functions, some a node", "2110.03313", &make_source);
}

}  // namespace shoal
