// The LibTorch models of the catalogue: what data each takes.
#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "shoal/model/torch/convolutional.h"
#include "shoal/model/torch/float_only.h"
#include "shoal/model/torch/resnet.h"
#include "shoal/model/torch/settings.h"
#include "shoal/model/torch/torchscript.h"

namespace shoal {
namespace {

using Made = Result<std::unique_ptr<ModelFactory>>;

// Images of at least 2 classes, or an error that says both shapes.
Status check_images(const std::string& model, const Dataset& data) {
  if (data.shape.size() == 3 && data.classes >= 2) return ok_status();
  return invalid_argument(fmt::format(
      "{} takes rows of shape [channels, height, width] with at least 2 classes, but '{}' has rows "
      "of shape [{}] and {} classes; take softmax or mlp, or a data set of images",
      model, data.name, fmt::join(data.shape, ", "), data.classes));
}

Made make_of_shape(const std::string& name, const ConvolutionalShape& shape, const Dataset& data) {
  SHOAL_TRY_STATUS(check_images(name, data));
  const std::uint32_t shorter = std::min(data.shape[1], data.shape[2]);
  if (side_after(shape, shorter) == 0) {
    std::uint32_t least = shorter;
    while (side_after(shape, least) == 0) ++least;
    return invalid_argument(
        fmt::format("{} takes images of at least {} x {}, but '{}' has rows of shape [{}]", name,
                    least, least, data.name, fmt::join(data.shape, ", ")));
  }
  std::unique_ptr<ModelFactory> factory =
      std::make_unique<FloatOnly>(name, [shape, row_shape = data.shape, classes = data.classes] {
        return make_convolutional(shape, row_shape, classes);
      });
  return factory;
}

Made make_cnn(const CnnSettings&, const Dataset& data) {
  return make_of_shape("cnn", fedavg_cnn(), data);
}
Made make_lenet5(const LeNetSettings&, const Dataset& data) {
  return make_of_shape("lenet5", lenet5(), data);
}

Made make_resnet_groupnorm(const ResNetSettings& settings, const Dataset& data) {
  SHOAL_TRY_STATUS(check_images("resnet_groupnorm", data));
  ResNetShape shape{
      {}, static_cast<std::uint32_t>(settings.blocks), static_cast<std::uint32_t>(settings.groups)};
  if (settings.widths.empty())
    return invalid_argument("widths is empty; give one width a stage, such as [16, 32, 64]");
  for (const double width : settings.widths) {
    if (std::fmod(width, static_cast<double>(settings.groups)) != 0.0)
      return invalid_argument(
          fmt::format("widths holds {}, which {} groups do not divide; change widths or groups",
                      width, settings.groups));
    shape.widths.push_back(static_cast<std::uint32_t>(width));
  }
  std::unique_ptr<ModelFactory> factory = std::make_unique<FloatOnly>(
      "resnet_groupnorm", [shape, row_shape = data.shape, classes = data.classes] {
        return make_resnet(shape, row_shape, classes);
      });
  return factory;
}

Made make_torchscript(const TorchScriptSettings& settings, const Dataset& data) {
  return load_torchscript(settings.path, data);
}

}  // namespace

std::vector<ModelEntry> torch_model_entries() {
  return {catalogue_entry<ModelFactory, CnnSettings, const Dataset&>(
              "cnn", "two 5x5 convolutions and 512 units, the CNN of federated averaging",
              "1602.05629", &make_cnn),
          catalogue_entry<ModelFactory, LeNetSettings, const Dataset&>(
              "lenet5", "LeNet-5 with relu and max-pool", "LeCun et al. 1998", &make_lenet5),
          catalogue_entry<ModelFactory, ResNetSettings, const Dataset&>(
              "resnet_groupnorm", "a small residual network with group normalisation", "1512.03385",
              &make_resnet_groupnorm),
          catalogue_entry<ModelFactory, TorchScriptSettings, const Dataset&>(
              "torchscript", "a network from a TorchScript file, which is code you must trust", "",
              &make_torchscript)};
}

}  // namespace shoal
