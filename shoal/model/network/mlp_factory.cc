// The catalogue's entry of the multilayer perceptron.
#include <cmath>
#include <fmt/format.h>

#include "shoal/model/both_precisions.h"
#include "shoal/model/network/entries.h"
#include "shoal/model/network/mlp.h"

namespace shoal {
namespace {

struct MlpSettings {
  std::vector<double> hidden = {200};
  Activation activation = Activation::kRelu;
};
void describe(Settings& s, MlpSettings& v) {
  s.reals("hidden", v.hidden, "widths of the hidden layers, from input to output",
          {.range = at_least(1).up_to(1 << 20)});
  s.choice("activation", v.activation, "what stands between the layers",
           {{"relu", Activation::kRelu}, {"tanh", Activation::kTanh}});
}

Result<std::unique_ptr<ModelFactory>> make_mlp(const MlpSettings& settings, const Dataset& data) {
  if (data.classes < 2)
    return invalid_argument(fmt::format(
        "mlp takes rows of any shape with at least 2 classes, but '{}' has rows of shape [{}] and "
        "{} classes; take ridge for real targets",
        data.name, fmt::join(data.shape, ", "), data.classes));
  std::vector<std::size_t> widths = {data.features};
  for (const double width : settings.hidden) {
    if (width != std::floor(width))
      return invalid_argument(
          fmt::format("hidden holds {}; widths are whole numbers, such as [200]", width));
    widths.push_back(static_cast<std::size_t>(width));
  }
  widths.push_back(data.classes);
  const Activation activation = settings.activation;
  std::unique_ptr<ModelFactory> factory = std::make_unique<BothPrecisions>(
      [widths, activation] { return std::make_unique<Mlp<float>>(widths, activation); },
      [widths, activation] { return std::make_unique<Mlp<double>>(widths, activation); });
  return factory;
}

}  // namespace

ModelEntry mlp_entry() {
  return catalogue_entry<ModelFactory, MlpSettings, const Dataset&>(
      "mlp", "multilayer perceptron, 784-200-10 on 28x28 images", "1602.05629", &make_mlp);
}

}  // namespace shoal
