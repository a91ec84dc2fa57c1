#include "shoal/model/torch/torchscript.h"

#include <algorithm>
#include <fmt/format.h>
#include <mutex>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/script.h>
#include <utility>

#include "shoal/model/torch/float_only.h"
#include "shoal/model/torch/single_thread.h"
#include "shoal/model/torch/torch_model.h"

namespace shoal {
namespace {

// One parameter: the tensor, and the module and attribute that hold it.
struct Slot {
  std::string name;
  torch::jit::Module owner;
  std::string attribute;
  at::Tensor value;
};

// In the order of the full names.
std::vector<Slot> parameter_slots(const torch::jit::Module& module) {
  std::vector<Slot> slots;
  for (const auto& part : module.named_modules())
    for (const auto& parameter : part.value.named_parameters(/*recurse=*/false))
      slots.push_back({part.name.empty() ? parameter.name : part.name + "." + parameter.name,
                       part.value, parameter.name, parameter.value});
  std::ranges::sort(slots, {}, &Slot::name);
  return slots;
}

// The module as loaded, copied for every thread.
struct Prototype {
  torch::jit::Module module;
  std::vector<std::uint32_t> row_shape;
  std::size_t classes;
  std::mutex mutex;
};

class TorchScriptModel final : public AutogradModel {
 public:
  explicit TorchScriptModel(Prototype& prototype)
      : AutogradModel(prototype.row_shape, prototype.classes) {
    const std::scoped_lock lock(prototype.mutex);
    module_ = prototype.module.deepcopy();
    slots_ = parameter_slots(module_);
    for (Slot& slot : slots_) {
      layout_.add(slot.name, {slot.value.sizes().begin(), slot.value.sizes().end()});
      // One multiply-add a weight is what a fully connected layer takes; a convolution takes more,
      // which a file does not tell.
      multiply_adds_ += static_cast<double>(slot.value.numel());
      const at::Tensor values = slot.value.detach().contiguous();
      start_.insert(start_.end(), values.data_ptr<float>(),
                    values.data_ptr<float>() + values.numel());
    }
  }

  void initialize(RandomStream, std::span<float> parameters) const override {
    SHOAL_CHECK(parameters.size() == start_.size(), "the parameters do not fit the layout");
    std::ranges::copy(start_, parameters.begin());
  }

 private:
  at::Tensor forward(const Tensors& parameters, const at::Tensor& rows) override {
    // The optimising executor specialises after a few calls, and the bits change with it.
    const torch::jit::GraphOptimizerEnabledGuard plain(false);
    for (std::size_t i = 0; i < parameters.size(); ++i)
      slots_[i].owner.setattr(slots_[i].attribute, parameters[i]);
    return module_.forward({rows}).toTensor();
  }

  torch::jit::Module module_;
  std::vector<Slot> slots_;
  std::vector<float> start_;
};

// What this model cannot run, said before anything runs.
Status check_module(const torch::jit::Module& module) {
  for (const auto& buffer : module.named_buffers())
    return unsupported(fmt::format(
        "it has the buffer '{}'; replace batch normalisation by group normalisation, so that a "
        "result does not depend on earlier batches",
        buffer.name));
  const std::vector<Slot> slots = parameter_slots(module);
  if (slots.empty()) return invalid_argument("it has no parameters to train");
  for (std::size_t i = 0; i < slots.size(); ++i) {
    if (slots[i].value.scalar_type() != at::kFloat)
      return unsupported(fmt::format("parameter '{}' is not float32; save the module with .float()",
                                     slots[i].name));
    for (std::size_t j = 0; j < i; ++j)
      if (slots[i].value.is_same(slots[j].value))
        return unsupported(fmt::format("parameters '{}' and '{}' are one tensor; untie them",
                                       slots[j].name, slots[i].name));
  }
  return ok_status();
}

// One row of zeros must give [1, classes].
Status check_output(torch::jit::Module& module, const Dataset& data) {
  std::vector<std::int64_t> shape = {1};
  shape.insert(shape.end(), data.shape.begin(), data.shape.end());
  const at::NoGradGuard no_grad;
  const c10::IValue out = module.forward({at::zeros(shape)});
  const auto classes = static_cast<std::int64_t>(data.classes);
  if (out.isTensor() && out.toTensor().sizes() == at::IntArrayRef({1, classes}) &&
      out.toTensor().scalar_type() == at::kFloat)
    return ok_status();
  return invalid_argument(fmt::format(
      "a row of '{}', of shape [{}], gives {} where float scores of shape [1, {}] are needed",
      data.name, fmt::join(data.shape, ", "),
      out.isTensor()
          ? fmt::format("a tensor of shape [{}]", fmt::join(out.toTensor().sizes(), ", "))
          : "no tensor",
      classes));
}

}  // namespace

Result<std::unique_ptr<ModelFactory>> load_torchscript(const std::string& path,
                                                       const Dataset& data) {
  if (path.empty()) return invalid_argument("path is empty; name a TorchScript file");
  if (data.classes < 2)
    return invalid_argument(fmt::format(
        "torchscript needs at least 2 classes, but '{}' has rows of shape [{}] and {} classes",
        data.name, fmt::join(data.shape, ", "), data.classes));
  compute_in_this_thread_only();
  auto prototype = std::make_shared<Prototype>();
  prototype->row_shape = data.shape;
  prototype->classes = data.classes;
  try {
    prototype->module = torch::jit::load(path);
    prototype->module.eval();
    auto status = check_module(prototype->module);
    if (status.ok()) status = check_output(prototype->module, data);
    if (!status.ok()) return within(path, status.error());
  } catch (const std::exception& refused) {
    const std::string_view what = refused.what();
    return corrupt(fmt::format("{}: LibTorch cannot load or run it: {}", path,
                               what.substr(0, what.find('\n'))));
  }
  std::unique_ptr<ModelFactory> factory = std::make_unique<FloatOnly>(
      "torchscript", [prototype] { return std::make_unique<TorchScriptModel>(*prototype); });
  return factory;
}

}  // namespace shoal
