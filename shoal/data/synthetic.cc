#include "shoal/data/synthetic.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "shoal/base/portable_math.h"
#include "shoal/base/random.h"
#include "shoal/data/file_source.h"
#include "shoal/data/held_out.h"
#include "shoal/data/libsvm_reader.h"
#include "shoal/data/source_entries.h"

namespace shoal {
namespace {

// A source that draws its rows and is described by a struct.
template <class S, Result<TaskData> (*kMake)(const S&, std::uint64_t)>
class MadeSource : public DataSource {
 public:
  explicit MadeSource(const S& settings) : settings_(settings) {}
  Result<TaskData> load(std::uint64_t seed) const override { return kMake(settings_, seed); }

 private:
  S settings_;
};

template <class S, Result<TaskData> (*kMake)(const S&, std::uint64_t)>
Result<std::unique_ptr<DataSource>> make_source(const S& settings) {
  return std::unique_ptr<DataSource>(std::make_unique<MadeSource<S, kMake>>(settings));
}

Result<TaskData> logistic_task(const SyntheticLogisticSettings& settings, std::uint64_t seed) {
  SHOAL_TRY(const SyntheticLogistic made, make_synthetic_logistic(settings, seed));
  SHOAL_TRY(const SplitRows split, stratified_split(made.data, settings.test_fraction, seed));
  return make_task(made.data, split);
}

Result<TaskData> ab_task(const SyntheticAbSettings& settings, std::uint64_t seed) {
  SHOAL_TRY(const Dataset data, make_synthetic_ab(settings, seed));
  SHOAL_TRY(const SplitRows split, split_each_user(data, settings.test_fraction, seed));
  return make_task(data, split);
}

Dataset cube_points(std::int64_t rows, std::uint64_t seed, std::uint32_t part) {
  RandomStream stream(seed, purpose("fcube"), part);
  Dataset data;
  data.name = "fcube";
  data.rows = static_cast<std::size_t>(rows);
  data.features = 3;
  data.shape = {3};
  data.classes = 2;
  for (std::size_t row = 0; row < data.rows; ++row) {
    for (int j = 0; j < 3; ++j) data.x.push_back(static_cast<float>(2.0 * stream.uniform() - 1.0));
    data.labels.push_back(data.row(row)[0] > 0.0f ? 1 : 0);
  }
  return data;
}

Result<TaskData> cube_task(const FcubeSettings& settings, std::uint64_t seed) {
  return TaskData{std::make_shared<Dataset>(cube_points(settings.train_rows, seed, 0)),
                  std::make_shared<Dataset>(cube_points(settings.test_rows, seed, 1))};
}

// What draws the rows of one user of Synthetic(a, b).
struct UserModel {
  std::vector<double> weight;  // features x classes
  std::vector<double> bias;    // classes
  std::vector<double> centre;  // features
};

UserModel draw_model(const SyntheticAbSettings& settings, RandomStream& stream, double model_mean,
                     double centre_mean, bool centred) {
  UserModel model;
  model.weight.resize(static_cast<std::size_t>(settings.features * settings.classes));
  model.bias.resize(static_cast<std::size_t>(settings.classes));
  model.centre.assign(static_cast<std::size_t>(settings.features), 0.0);
  for (double& value : model.weight) value = model_mean + stream.normal();
  for (double& value : model.bias) value = model_mean + stream.normal();
  if (!centred)
    for (double& value : model.centre) value = centre_mean + stream.normal();
  return model;
}

// Appends one row drawn from `model`; deviation[j] is the root of (j + 1)^-1.2.
void draw_row(const UserModel& model, const std::vector<double>& deviation, RandomStream& stream,
              Dataset& data) {
  const std::size_t classes = model.bias.size();
  std::vector<double> score = model.bias;
  for (std::size_t j = 0; j < deviation.size(); ++j) {
    const auto x = static_cast<float>(model.centre[j] + deviation[j] * stream.normal());
    data.x.push_back(x);
    for (std::size_t c = 0; c < classes; ++c)
      score[c] += model.weight[j * classes + c] * static_cast<double>(x);
  }
  const auto best = std::max_element(score.begin(), score.end());
  data.labels.push_back(static_cast<std::int32_t>(best - score.begin()));
  ++data.rows;
}

// floor(lognormal(4, 2)) + 50, at most max_rows when that is set.
std::size_t user_rows(const SyntheticAbSettings& settings, RandomStream& stream) {
  const double drawn = std::floor(portable_exp(4.0 + 2.0 * stream.normal()));
  const double rows = std::min(drawn, 1e8) + 50.0;
  const auto count = static_cast<std::size_t>(rows);
  return settings.max_rows > 0 ? std::min(count, static_cast<std::size_t>(settings.max_rows))
                               : count;
}

}  // namespace

void describe(Settings& settings, SyntheticLogisticSettings& values) {
  settings.integer("rows", values.rows, "rows drawn, test rows included",
                   {.range = at_least(4).up_to(1e8), .unit = "rows"});
  settings.integer("features", values.features, "features of a row",
                   {.range = at_least(1).up_to(1e6)});
  settings.real("margin", values.margin, "norm of the planted weights", {.range = at_least(0)});
  settings.real("flip", values.flip, "probability that a label is flipped",
                {.range = at_least(0).up_to(0.5)});
  settings.real("test_fraction", values.test_fraction, "fraction of each class held out",
                {.range = above(0).below(1)});
}

Result<SyntheticLogistic> make_synthetic_logistic(const SyntheticLogisticSettings& settings,
                                                  std::uint64_t seed) {
  SyntheticLogistic made;
  Dataset& data = made.data;
  data.name = "synthetic_logistic";
  data.rows = static_cast<std::size_t>(settings.rows);
  data.features = static_cast<std::size_t>(settings.features);
  if (data.rows > kMaxDenseCells / data.features)
    return limit_exceeded("rows * features is more than 2^30 numbers: ask for fewer");
  data.shape = {static_cast<std::uint32_t>(settings.features)};
  data.classes = 2;
  RandomStream stream(seed, purpose("synthetic logistic"));
  double square = 0.0;
  for (std::size_t j = 0; j < data.features; ++j) {
    made.planted.push_back(stream.normal());
    square += made.planted[j] * made.planted[j];
  }
  for (double& value : made.planted) value *= settings.margin / std::sqrt(square);
  for (std::size_t row = 0; row < data.rows; ++row) {
    double score = 0.0;
    for (std::size_t j = 0; j < data.features; ++j) {
      data.x.push_back(static_cast<float>(stream.normal()));
      score += made.planted[j] * static_cast<double>(data.x.back());
    }
    const bool positive = stream.uniform() * (1.0 + portable_exp(-score)) < 1.0;
    const bool flipped = stream.uniform() < settings.flip;
    data.labels.push_back(positive != flipped ? 1 : 0);
  }
  return made;
}

void describe(Settings& settings, SyntheticAbSettings& values) {
  settings.integer("users", values.users, "natural users", {.range = at_least(1).up_to(1e6)});
  settings.real("a", values.a, "how much the users' models differ",
                {.range = at_least(0), .paper = "1812.06127: alpha"});
  settings.real("b", values.b, "how much the users' features differ",
                {.range = at_least(0), .paper = "1812.06127: beta"});
  settings.choice("spread", values.spread, "what a and b are, of the users' means",
                  {{"variance", SyntheticAbSettings::Spread::kVariance},
                   {"deviation", SyntheticAbSettings::Spread::kDeviation}},
                  {.paper = "1812.06127: variance in the text, deviation in the code"});
  settings.flag("iid", values.iid, "one model and one centre for all users");
  settings.integer("features", values.features, "features of a row",
                   {.range = at_least(1).up_to(1e5)});
  settings.integer("classes", values.classes, "classes", {.range = at_least(2).up_to(1000)});
  settings.integer("max_rows", values.max_rows, "most rows of a user; 0: no cap",
                   {.range = at_least(0), .unit = "rows"});
  settings.real("test_fraction", values.test_fraction, "fraction of each user held out",
                {.range = above(0).below(1)});
}

Result<Dataset> make_synthetic_ab(const SyntheticAbSettings& settings, std::uint64_t seed) {
  Dataset data;
  data.name = "synthetic_ab";
  data.features = static_cast<std::size_t>(settings.features);
  data.shape = {static_cast<std::uint32_t>(settings.features)};
  data.classes = static_cast<std::size_t>(settings.classes);
  if (settings.max_rows == 1) return invalid_argument("max_rows = 1 leaves no row to hold out");
  const bool variance = settings.spread == SyntheticAbSettings::Spread::kVariance;
  const double model_spread = variance ? std::sqrt(settings.a) : settings.a;
  const double centre_spread = variance ? std::sqrt(settings.b) : settings.b;
  std::vector<double> deviation;  // of feature j: the root of j^-1.2, j from 1
  for (std::size_t j = 0; j < data.features; ++j)
    deviation.push_back(portable_exp(-0.6 * portable_log(static_cast<double>(j + 1))));
  RandomStream shared(seed, purpose("synthetic ab, shared model"));
  const UserModel common = draw_model(settings, shared, 0.0, 0.0, true);
  for (std::int64_t user = 0; user < settings.users; ++user) {
    RandomStream stream(seed, purpose("synthetic ab"), static_cast<std::uint32_t>(user));
    const std::size_t rows = user_rows(settings, stream);
    if (data.rows + rows > kMaxDenseCells / data.features)
      return limit_exceeded("the users have more than 2^30 numbers together: set max_rows");
    const double model_mean = model_spread * stream.normal();
    const double centre_mean = centre_spread * stream.normal();
    const UserModel own =
        settings.iid ? common : draw_model(settings, stream, model_mean, centre_mean, false);
    for (std::size_t i = 0; i < rows; ++i) draw_row(own, deviation, stream, data);
    data.users.insert(data.users.end(), rows, static_cast<std::uint32_t>(user));
  }
  return data;
}

void describe(Settings& settings, FcubeSettings& values) {
  settings.integer("train_rows", values.train_rows, "training points",
                   {.range = at_least(8).up_to(1e8), .unit = "rows"});
  settings.integer("test_rows", values.test_rows, "test points",
                   {.range = at_least(1).up_to(1e8), .unit = "rows"});
}

SourceEntry synthetic_logistic_entry() {
  return catalogue_entry<DataSource, SyntheticLogisticSettings>(
      "synthetic_logistic", "two classes from a planted logistic model", "",
      &make_source<SyntheticLogisticSettings, &logistic_task>);
}
SourceEntry synthetic_ab_entry() {
  return catalogue_entry<DataSource, SyntheticAbSettings>(
      "synthetic_ab", "Synthetic(a, b): users with models and features of their own", "1812.06127",
      &make_source<SyntheticAbSettings, &ab_task>);
}
SourceEntry fcube_source_entry() {
  return catalogue_entry<DataSource, FcubeSettings>(
      "fcube", "points of a cube in 3-D, labelled by the sign of the first coordinate",
      "2102.02079", &make_source<FcubeSettings, &cube_task>);
}

}  // namespace shoal
