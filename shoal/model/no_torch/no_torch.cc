// Stands in for shoal/model/torch in a build without LibTorch: the same names, each with an error
// that says what to install.
#include <array>

#include "shoal/model/factory.h"

namespace shoal {
namespace {

Result<std::unique_ptr<ModelFactory>> refuse(const NoSettings&, const Dataset&) {
  return unsupported(
      "this build has no LibTorch; install libtorch-dev and build with -DSHOAL_WITH_TORCH=ON");
}

}  // namespace

std::vector<ModelEntry> torch_model_entries() {
  std::vector<ModelEntry> entries;
  for (const char* name : {"cnn", "lenet5", "resnet_groupnorm", "torchscript"})
    entries.push_back(catalogue_entry<ModelFactory, NoSettings, const Dataset&>(
        name, "needs LibTorch", "", &refuse));
  return entries;
}

}  // namespace shoal
