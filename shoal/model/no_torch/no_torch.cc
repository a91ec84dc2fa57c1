// Stands in for shoal/model/torch in a build without LibTorch: the same names and settings, each
// with an error that says what to install.
#include "shoal/model/factory.h"
#include "shoal/model/torch/settings.h"

namespace shoal {
namespace {

template <class S>
Result<std::unique_ptr<ModelFactory>> refuse(const S&, const Dataset&) {
  return unsupported(
      "this build has no LibTorch; install libtorch-dev and build with -DSHOAL_WITH_TORCH=ON");
}

template <class S>
ModelEntry refused(const char* name) {
  return catalogue_entry<ModelFactory, S, const Dataset&>(name, "needs LibTorch", "", &refuse<S>);
}

}  // namespace

std::vector<ModelEntry> torch_model_entries() {
  return {refused<CnnSettings>("cnn"), refused<LeNetSettings>("lenet5"),
          refused<ResNetSettings>("resnet_groupnorm"), refused<TorchScriptSettings>("torchscript")};
}

}  // namespace shoal
