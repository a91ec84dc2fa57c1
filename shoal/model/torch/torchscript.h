// A network from a TorchScript file.
//
// Such a file is code: loading and running it does whatever its author wrote, with the rights of
// this process. shoal opens one only because its user named it in their own experiment; never one
// that came over the network.
//
// The module is called on rows x (shape of a row) and must return scores, rows x classes. Its
// parameters, float32, are laid out in the order of their names; the file's values are the start.
// It runs in evaluation mode (dropout off) and must have no buffers: running statistics would make
// a result depend on what was computed before. Gradients by autograd.
#pragma once

#include <memory>
#include <string>

#include "shoal/base/result.h"
#include "shoal/model/factory.h"

namespace shoal {

// Loads the file once and tries it on a row of zeros.
Result<std::unique_ptr<ModelFactory>> load_torchscript(const std::string& path,
                                                       const Dataset& data);

}  // namespace shoal
